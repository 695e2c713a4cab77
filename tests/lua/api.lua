-- SPDX-License-Identifier: Apache-2.0
-- What docs/lua.md promises, run from the source folder: stile lua tests/lua/api.lua FOLDER. Each
-- test is named by its promise; the folder is for files.
local folder = arg[1]
local tests = {}

local function raises(pattern, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok, "nothing was raised, wanted: " .. pattern)
  assert(tostring(message):find(pattern), "raised " .. tostring(message) .. ", wanted: " .. pattern)
  return message
end

local function names(variants)
  local list = {}
  for i, variant in ipairs(variants) do
    list[i] = variant.name
  end
  return table.concat(list, " ")
end

local function line()
  return debug.getinfo(2, "l").currentline
end

-- Specs

function tests.variants_come_in_the_order_of_the_file_the_last_axis_fastest()
  local spec = stile.parse([[
stile: 1
name: a
basis: {name: strassen}
variants: {schedule.stages: [3, 2], precision.encoded: [f16, bf16]}]])
  assert(names(spec:variants()) == "a/schedule.stages=3,precision.encoded=f16 " ..
    "a/schedule.stages=3,precision.encoded=bf16 a/schedule.stages=2,precision.encoded=f16 " ..
    "a/schedule.stages=2,precision.encoded=bf16")
end

function tests.a_filter_keeps_what_it_is_true_for()
  local spec = stile.load("specs/ffn_up.yaml")
  local kept = spec:variants(function(v) return v.precision.encoded == "f16" end)
  assert(#spec:variants() == 4 and #kept == 2)
  assert(#spec:variants(function() end) == 0)
  raises("^oops$", spec.variants, spec, function() error("oops", 0) end)
  raises("filter must be a function", spec.variants, spec, 7)
end

function tests.an_error_has_the_line_of_the_script_and_every_place_in_the_spec()
  local path = "tests/gen/bad/all_at_once.yaml"
  local here = line() + 1
  local ok, message = pcall(function() stile.load(path) end)
  assert(not ok and message:find("api.lua:" .. here .. ": ", 1, true), message)
  for _, place in ipairs{"2:7: error: %[STILE%-020%]", "3:9: error: %[STILE%-012%]", "6:20"} do
    assert(message:find("all_at_once.yaml:" .. place), message)
  end
  local found = stile.diagnose(path)
  assert(#found == 7 and found[2].line == 3 and found[2].column == 9 and found[2].code == 12)
  assert(found[2].file == path and found[2].text:find(found[2].message, 1, true))
  assert(#stile.diagnose("specs/strassen.yaml") == 0)
  assert(#stile.diagnose("no/such.yaml") == 1)
end

function tests.errors_in_preludes_are_marked_with_the_line_of_the_script()
  local variant = stile.load("specs/strassen.yaml"):variant()
  local here = line() + 1
  local message = select(2, pcall(function() variant:override{rows = "al"} end))
  assert(message:find("api.lua:" .. here .. ": spec 'strassen': error: %[STILE%-019%] rows"), message)
  local f = function() stile.enumerate{{"rows"}} end
  assert(select(2, pcall(f)):find("api.lua:" .. (line() - 1) .. ": stile.enumerate: axis 1"))
  raises("api.lua:%d+: settings are given by", function() variant:override{1, 2} end)
end

function tests.a_table_is_a_spec()
  local spec = stile.spec{name = "t", basis = {kron = {"strassen", {classical = {1, 2, 1}}}},
                          precision = {input = "f16"}, ["weight.encode"] = "online",
                          epilogue = {bias = true}, shapes = {{M = 1, K = 2, N = 3}},
                          schedule = {block = {64, 64, 32}}}
  local v = spec:variant()
  assert(v.name == "t" and v.precision.input == "f16" and v.precision.product == "f16")
  assert(v.weight.encode == "online" and v.weight.layout == "nk" and v.epilogue.bias == true)
  assert(v.shapes[1].K == 2 and v.schedule.block[3] == 32 and v.schedule.stages == nil)
  assert(v.rows == "any" and v.basis.rank == 14)
  raises("spec 't': error: %[STILE%-%d+%] unknown key \"basic\"", stile.spec, {name = "t", basic = 1})
  raises("is a function", stile.spec, {name = print})
  raises("mixes items and fields", stile.spec, {name = "t", basis = {"strassen", name = "strassen"}})
  raises("must be a table, not nil", stile.spec)
end

function tests.both_a_field_and_its_variants_may_be_given_in_a_table()
  local variants = {rows = {"none", "any"}}
  local spec = stile.spec{name = "t", basis = {name = "strassen"}, rows = "any", variants = variants}
  assert(names(spec:variants()) == "t/rows=none t/rows=any")
  assert(#variants.rows == 2)
end

function tests.overriding_a_spec_keeps_its_other_variants()
  local spec = stile.load("specs/ffn_up.yaml"):override{basis = {name = "laderman"}, rows = "none"}
  assert(names(spec:variants()) == "ffn_up/precision.encoded=bf16 ffn_up/precision.encoded=f16")
  spec = spec:override{["precision.encoded"] = "f16", name = "one"}
  assert(names(spec:variants()) == "one" and spec:variant().precision.encoded == "f16")
  spec = spec:override{variants = {["schedule.stages"] = {2, 4}}}
  assert(#spec:variants() == 2)
  assert(spec:table().variants["schedule.stages"][2] == 4)
end

function tests.overriding_a_variant_names_what_changed_or_as_told()
  local base = stile.load("specs/ffn_up.yaml"):variants()[1]
  local changed = base:override{schedule = {stages = 3}, ["precision.encoded"] = "f16"}
  assert(changed.name == "ffn_up/basis={name:strassen},precision.encoded=f16,schedule.stages=3")
  assert(changed.schedule.stages == 3 and changed.epilogue.activation == "silu")
  assert(base.schedule.stages == nil)
  local named = changed:override{name = "mine", shapes = {{M = 1, K = 1, N = 1}}}
  assert(named.name == "mine" and named.schedule.stages == 3 and #named.shapes == 1)
  raises("one variant stays one", base.override, base, {variants = {}})
  raises("nearest is \"rows\"", base.override, base, {row = "any"})
end

function tests.the_canonical_spec_reads_back_the_same()
  for _, path in ipairs{"specs/ffn_up.yaml", "specs/laderman.yaml", "specs/causal_trained.yaml"} do
    for _, v in ipairs(stile.load(path):variants()) do
      assert(stile.parse(v:yaml(), v.directory):variant():yaml() == v:yaml())
      assert(stile.spec(v:table(), v.directory):variant():yaml() == v:yaml())
    end
  end
end

function tests.a_spec_written_elsewhere_finds_its_basis_file()
  local path = folder .. "/moved.yaml"
  local v = stile.load("specs/causal_trained.yaml"):variant()
  v:write(path)
  local moved = stile.load(path):variant()
  assert(moved.basis:yaml() == v.basis:yaml() and moved.name == v.name)
  assert(moved:table().basis.file:find("^%.%./"))
  v:override{basis = {file = "bases/isolated_144_8.yaml"}}:write(path)
  assert(stile.load(path):variant().basis.name == "isolated_144_8")
  raises("cannot be", v.write, v, folder .. "/no/such/folder.yaml")
  local beside = "specs/x.yaml" -- not written: the same folder keeps the name as it is
  assert(v:yaml():find("{file: bases/causal_222_6.yaml}", 1, true), beside)
end

function tests.a_file_that_cannot_be_written_stays_as_it_was()
  local path = folder .. "/kept.yaml"
  local v = stile.load("specs/strassen.yaml"):variant()
  v:write(path)
  v:override{name = "second"}:write(path)
  assert(stile.load(path).name == "second")
  local listing = io.popen("ls " .. folder):read("a")
  assert(not listing:find("kept.yaml%."), listing)
end

-- Enumeration

function tests.enumeration_counts_every_combination_once_the_last_axis_fastest()
  local seen = {}
  for settings, index in stile.enumerate{{"a", {1, 2}}, {"b", {"x", "y", "z"}}} do
    seen[#seen + 1] = index .. ":" .. settings.a .. settings.b
  end
  assert(table.concat(seen, " ") == "1:1x 2:1y 3:1z 4:2x 5:2y 6:2z")
  local kept = {}
  for settings, index in stile.enumerate({{"a", {1, 2, 3, 4}}}, function(s) return s.a % 2 == 0 end) do
    kept[#kept + 1] = index
  end
  assert(table.concat(kept, " ") == "2 4")
  local count = 0
  for _ in stile.enumerate{} do count = count + 1 end
  assert(count == 1)
  for _ in stile.enumerate{{"a", {}}, {"b", {1}}} do error("no value, no combination") end
  raises("twice", stile.enumerate, {{"a", {1}}, {"a", {2}}})
end

-- Bases

function tests.bases_multiply_and_measure()
  local strassen = stile.basis("strassen")
  assert(strassen.rank == 7 and #strassen.U == 7 and #strassen.D[1] == 7)
  local m = strassen:metrics()
  assert(m.exact and m.error == 0 and m.growth == 4 and m.limit == 8 / 7)
  assert(m.coupling.algebraic == "none" and m.nonzeros.U == 12)
  local square = stile.kron(strassen, "strassen")
  assert(square.rank == 49 and square:metrics().growth == 16)
  assert(tostring(square) == "⟨4,4,4;49⟩ kron(strassen,strassen)")
  local mixed = stile.kron({classical = {1, 2, 1}}, strassen, "winograd")
  assert(table.concat(mixed.tile, ",") == "4,8,4")
  raises("at least two", stile.kron, strassen)
  raises("sides may be up to 8", stile.kron, square, square)
  raises("nearest is \"strassen\"", stile.basis, "strasen")
  raises("exactly one of the keys", stile.basis, {name = "strassen", classical = {1, 1, 1}})
  assert(#stile.basis_names() >= 3)
end

function tests.searches_find_bases()
  local found = stile.search{m = 2, k = 2, n = 2, rank = 7, exact = true, seed = 5}
  assert(found.rank == 7 and found:metrics().exact and found:metrics().rational)
  assert(found.source:find("stile.search, tile 2,2,2 rank 7 seed 5", 1, true))
  local near = stile.search{m = 2, k = 2, n = 2, rank = 6, growth = 4, starts = 2, from = stile.basis("winograd")}
  assert(near:metrics().error < 0.13 and near:metrics().growth <= 4)
  assert(stile.search{m = 2, k = 2, n = 2, rank = 6, exact = true, starts = 1} == nil)
  assert(stile.search{m = 2, k = 2, n = 2, rank = 5, starts = 2, rows = "causal"}:metrics().coupling.algebraic ~= "full")
  raises("m, k, n and rank are needed", stile.search, {m = 2, k = 2, n = 2})
  raises("it must be from 1 to 8", stile.search, {m = 2, k = 2, n = 2, rank = 9})
  raises("rows must be", stile.search, {m = 2, k = 2, n = 2, rank = 7, rows = "few"})
  raises("coefficients must be", stile.search, {m = 2, k = 2, n = 2, rank = 7, coefficients = "odd"})
  raises("from must be a basis", stile.search, {m = 2, k = 2, n = 2, rank = 7, from = "strassen"})
end

function tests.the_algebra_keeps_exact_bases_exact()
  local strassen = stile.basis("strassen")
  local wide = strassen:sum(stile.basis{classical = {2, 2, 1}}, "n")
  assert(table.concat(wide.tile, ",") == "2,2,3" and wide.rank == 11 and wide:metrics().exact)
  assert(table.concat(wide:transpose().tile, ",") == "3,2,2" and wide:transpose():metrics().exact)
  assert(table.concat(wide:cycle().tile, ",") == "2,3,2" and wide:cycle():metrics().exact)
  local there = strassen:rotate{A = {{1, "1/2"}, {0, 1}}, C = {{2, 1}, {1, 1}}}
  assert(there:metrics().exact and there:metrics().rational and there.U[1][2] == 0)
  local back = there:rotate{A = {{1, "-1/2"}, {0, 1}}, C = {{1, -1}, {-1, 2}}}
  for i, row in ipairs(back.U) do
    assert(table.concat(row, ",") == table.concat(strassen.U[i], ","))
  end
  assert(strassen:merge().rank == 7 and strassen:balance():metrics().growth == 4)
  assert(strassen:drop{0, 6}.rank == 5 and strassen:drop(1):metrics().error == 0.5)
  raises("C has 1 rows", strassen.rotate, strassen, {C = {{1, 2}}})
  raises("matrix A is singular", strassen.rotate, strassen, {A = {{1, 1}, {1, 1}}})
  raises("the matrices must be a table", strassen.rotate, strassen)
  raises("has no channel 7", strassen.drop, strassen, {7})
  raises("from 1 to 6", strassen.drop, strassen, 7)
  raises("list of channels or a count", strassen.drop, strassen, "all")
  raises("axis must be", strassen.sum, strassen, strassen, "x")
  raises("other basis must be", strassen.sum, strassen, "winograd", "n")
end

function tests.groups_make_bases()
  local exact = stile.group_basis{group = "S3", m = 2, k = 2, n = 2}
  assert(exact.rank == 9 and exact:metrics().exact and exact:metrics().rational)
  local part = stile.group_basis{group = "S3", m = 2, k = 2, n = 2, rank = 7, truncate = true}
  assert(part.rank == 7 and math.abs(part:metrics().error - 43 / 440) < 1e-12)
  assert(part.source:find("--group S3 --tile 2,2,2 --rank 7 --truncate", 1, true))
  local relaxed = stile.group_basis{group = "Z5", m = 2, k = 2, n = 2, relaxed = true, seed = 2}
  assert(not relaxed:metrics().exact)
  raises("must be given", stile.group_basis, {group = "S3"})
  raises("names no group", stile.group_basis, {group = "x", m = 1, k = 1, n = 1})
  raises("Z7 has no subsets", stile.group_basis, {group = "Z7", m = 2, k = 2, n = 2})
  raises("needs a rank", stile.group_basis, {group = "S3", m = 2, k = 2, n = 2, truncate = true})
  raises("m must be", stile.group_basis, {group = "S3", m = 9, k = 2, n = 2})
end

function tests.polish_reaches_what_is_known()
  local strassen = stile.basis("strassen")
  local calm = strassen:polish("growth"):metrics()
  assert(calm.exact and math.abs(calm.growth - 200 / 72) < 1e-12)
  assert(strassen:polish("additions"):metrics().growth == 7)
  assert(stile.basis("winograd"):polish("nonzeros"):metrics().nonzeros.U == 12)
  raises("goal must be", strassen.polish, strassen, "speed")
  raises("is not exact", function() strassen:drop(1):polish("growth") end)
end

function tests.a_basis_survives_its_matrices_and_its_file()
  local b = stile.basis{random = {tile = {2, 3, 1}, rank = 4, seed = 9}}
  local copy = stile.basis{name = b.name, tile = b.tile, rank = b.rank, U = b.U, V = b.V, D = b.D}
  assert(copy:yaml():gsub("source:[^\n]*\n", "") == b:yaml():gsub("source:[^\n]*\n", ""))
  b:write(folder .. "/b.yaml")
  assert(stile.basis{file = folder .. "/b.yaml"}:yaml() == b:yaml())
  assert(stile.basis({file = "b.yaml"}, folder).rank == 4)
  local half = stile.basis{tile = {1, 1, 1}, rank = 1, U = {{"1/2"}}, V = {{0.5}}, D = {{4}}}
  assert(half:metrics().exact and half.U[1][1] == 0.5 and math.type(half.D[1][1]) == "integer")
  raises("an entry of U", stile.basis, {tile = {1, 1, 1}, rank = 1, U = {{"x"}}, V = {{1}}, D = {{1}}})
  raises("not finite", stile.basis, {tile = {1, 1, 1}, rank = 1, U = {{0 / 0}}, V = {{1}}, D = {{1}}})
  raises("list of rows", stile.basis, {tile = {1, 1, 1}, rank = 1, U = 1, V = {{1}}, D = {{1}}})
  raises("STILE%-%d+", stile.basis, {tile = {1, 1, 1}, rank = 1, U = {{1, 2}}, V = {{1}}, D = {{1}}})
end

-- Kernels and numbers

function tests.explain_counts_as_the_formulas_do()
  local e = stile.load("specs/strassen.yaml"):variant():explain{M = 128, K = 64, N = 32}
  assert(e.limit == 8 / 7 and e.dense_flops == 2 * 128 * 64 * 32)
  assert(e.mma_flops == 2 * 7 * 64 * 32 * 16 and #e.kernels >= 3)
  assert(e.predicted_error > 1e-3 and e.predicted_error < 2e-2 and e.tile_rows == 64)
  local v = stile.load("specs/strassen.yaml"):override{shapes = {}}:variant()
  raises("names no shapes", v.explain, v)
  raises("all of M, K and N", v.explain, v, {M = 1})
  raises("no multiple", v.explain, v, {M = 10, K = 1, N = 1, rows_per_group = 4})
  raises("there is no option 'm'; the nearest is 'M'", v.explain, v, {m = 1})
  raises("from 1 to", v.explain, v, {M = 0, K = 1, N = 1})
  raises("must be an integer, not a number", v.explain, v, {M = 1.5, K = 1, N = 1})
  assert(v:explain{M = 2.0, K = 1, N = 1}.M == 2)
  raises("gpu 'Voodoo' is not known", v.explain, v, {M = 1, K = 1, N = 1, gpu = "Voodoo"})
end

function tests.times_are_predicted()
  local v = stile.load("specs/random_r16.yaml"):variant()
  local e = v:explain{M = 8192, K = 8192, N = 8192}
  assert(e.gpu == "NVIDIA H200" and e.calibrated and e.schedule_origin == "rule")
  assert(e.time_ms > 0.5 and e.time_ms < 0.65 and e.dense_ms > 2 * e.time_ms)
  assert(e.sparse_2_4_ms < e.dense_ms and e.schedule:find("128x256x64", 1, true))
  local sum = 0
  for _, kernel in ipairs(e.kernels) do
    sum = sum + (kernel.per_call and kernel.time_ms or 0)
  end
  assert(math.abs(sum / e.time_ms - 1) < 0.02)
  local other = v:explain{M = 8192, K = 8192, N = 8192, gpu = "a100"}
  assert(not other.calibrated and other.time_ms > e.time_ms)
  local none = v:override{["precision.encoded"] = "e4m3"}:explain{M = 8, K = 8, N = 8}
  assert(none.time_ms == nil and none.limit == 4)
end

function tests.a_refusal_is_the_generators_own_reason()
  local v = stile.load("specs/strassen.yaml"):variant()
  assert(v:refusal() == nil and v:refusal{arch = "sm_80"} == nil)
  local large = v:override{schedule = {block = {128, 256, 64}, stages = 6}}
  assert(large:refusal{arch = "sm_90a"}:find("shared memory"))
  raises("shared memory", large.generate, large)
  raises("not an architecture", v.refusal, v, {arch = "hopper"})
end

function tests.generated_source_is_that_of_the_program()
  local v = stile.load("tests/golden/strassen.yaml"):variant()
  for _, kernel in ipairs(v:generate{arch = "sm_80"}) do
    assert(kernel.arch == "sm_80" and kernel.threads > 0)
    assert(kernel.source:find(kernel.entry, 1, true))
  end
end

-- Devices

function tests.verify_passes_and_tells_its_cases()
  local context = stile.context{device = "cpu", threads = 2}
  assert(context.device == "cpu" and context.threads == 2 and context.arch == nil)
  local v = stile.load("specs/strassen.yaml"):variant()
  local r = v:verify{context = context, M = 9, K = 10, N = 11, random = 2, seed = 5}
  assert(r.ok and r.failed == 0 and r.passed + r.skipped == 5 and #r.cases == 5)
  assert(r.cases[1].M == 9 and r.cases[1].passed and r.cases[3].integers)
  assert(v:verify{context = context, random = 0}.passed >= 10)
  raises("rows_per_group needs a shape", v.verify, v, {context = context, rows_per_group = 2})
  raises("a GPU is needed", v.bench, v, {context = context, M = 8, K = 8, N = 8})
  raises("a GPU is needed", v.tune, v, {context = context, M = 8, K = 8, N = 8})
  raises("a GPU is needed", stile.tune, {variant = v, context = context, M = 8, K = 8, N = 8})
  raises("search must be a function", v.tune, v, {search = 7})
  raises("says what to tune", stile.tune, {})
  raises("the nearest is 'budget'", v.tune, v, {budge = 7})
  raises("context must be a context, not a variant", v.verify, v, {context = v})
end

function tests.objects_are_released_in_any_order()
  local context = stile.context{device = "cpu"}
  local spec = stile.load("specs/ffn_up.yaml")
  local variants, basis = spec:variants()
  local plan = context:plan(variants[2], {M = 8, K = 8, N = 8})
  basis = variants[3].basis
  spec:close()
  context:close()
  assert(plan.workspace_size > 0 and plan.weight_size > 0 and #plan.kernels == 0)
  variants[1]:close()
  assert(variants[2].name:find("f16"))
  variants = nil
  collectgarbage()
  collectgarbage()
  assert(basis.rank == 24)
  raises("this spec is closed", spec.variants, spec)
  raises("this context is closed", function() return context.name end)
  context:close()
  assert(tostring(context):find("closed"))
  raises("variant is a variant that is closed", function()
    local v = stile.load("specs/strassen.yaml"):variant()
    v:close()
    stile.context{device = "cpu"}:plan(v, {M = 8, K = 8, N = 8})
  end)
end

function tests.the_default_device_outlives_every_object()
  local r = stile.load("specs/strassen.yaml"):variant():verify{M = 4, K = 4, N = 4}
  assert(r.ok)
end

function tests.unknown_fields_say_the_nearest()
  local v = stile.load("specs/strassen.yaml"):variant()
  raises("a variant has no 'precison'; the nearest is 'precision'", function() return v.precison end)
  raises("a variant has no items", function() return v[1] end)
  raises("attempt to index", function() v.name = "x" end)
  raises("must be called as object:verify", v.verify)
  raises("must be called as object:verify", v.verify, stile.basis("strassen"))
  assert(getmetatable(v) == "variant")
end

function tests.numbers_have_points_whatever_the_locale()
  assert(tostring(0.5) == "0.5" and string.format("%.1f", 1.5) == "1.5")
end

local order = {}
for name in pairs(tests) do
  order[#order + 1] = name
end
table.sort(order)
local failed = 0
for _, name in ipairs(order) do
  local ok, message = xpcall(tests[name], debug.traceback)
  if not ok then
    failed = failed + 1
    io.stderr:write("FAIL ", name, ": ", message, "\n")
  end
end
print(#order - failed .. " of " .. #order .. " tests passed")
os.exit(failed == 0, true)
