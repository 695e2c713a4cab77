/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes one plan on CUDA device 0 and tells, as JSON, what that took. Exit status: 0, or the
 * negative of the STILE_ERROR_ code, with the text of the error on stderr.
 *
 * usage: plan_probe SPEC [BUNDLE]
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <stile/stile.h>

static double milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static bool is_mapped(const char *library)
{
    char line[1024];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps))
        found = found || strstr(line, library);
    if (maps)
        fclose(maps);
    return found;
}

int main(int argc, char **argv)
{
    stile_spec *spec = NULL;
    stile_context *context = NULL;
    stile_plan *plan = NULL;
    if (argc < 2)
        return 100;
    int error = stile_spec_load(&spec, argv[1], NULL);
    if (!error)
        error = stile_context_create(&context, NULL);
    if (!error && argc > 2)
        error = stile_context_load_bundle(context, argv[2]);
    double start = milliseconds();
    if (!error)
        error = stile_plan_create(&plan, context, spec,
                                  &(stile_plan_params){.M = 512, .K = 512, .N = 512});
    double end = milliseconds();
    stile_cache_counters counters = {0};
    if (!error)
        error = stile_context_cache_counters(&counters, context);
    if (error)
        fprintf(stderr, "%s\n", stile_last_error());
    else
        printf("{\"milliseconds\": %.3f, \"compiles\": %llu, \"hits\": %llu, \"nvrtc\": %s}\n",
               end - start, (unsigned long long)counters.compiles,
               (unsigned long long)counters.hits, is_mapped("libnvrtc") ? "true" : "false");
    stile_plan_destroy(&plan);
    stile_context_destroy(&context);
    stile_spec_destroy(&spec);
    return -error;
}
