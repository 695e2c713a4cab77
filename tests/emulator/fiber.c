/* SPDX-License-Identifier: Apache-2.0 */
/* Fibers: stacks, and the switch from one to the next. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "machine.h"

enum { STACK_BYTES = 64 * 1024, GUARD_BYTES = 4096 };

static struct {
    unsigned char *memory; /* a guard page below each stack */
    unsigned count;
} stacks;

bool fiber_reserve(unsigned count)
{
    if (count <= stacks.count)
        return true;
    unsigned char *memory = mmap(NULL, (size_t)count * STACK_BYTES, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    for (unsigned i = 0; i < count; i++) {
        if (mprotect(memory + (size_t)i * STACK_BYTES, GUARD_BYTES, PROT_NONE)) {
            munmap(memory, (size_t)count * STACK_BYTES);
            return false;
        }
    }
    if (stacks.memory)
        munmap(stacks.memory, (size_t)stacks.count * STACK_BYTES);
    stacks.memory = memory;
    stacks.count = count;
    return true;
}

bool fiber_overflowed(const void *address)
{
    uintptr_t offset = (uintptr_t)address - (uintptr_t)stacks.memory;
    return offset < (size_t)stacks.count * STACK_BYTES && offset % STACK_BYTES < GUARD_BYTES;
}

#if defined(__x86_64__)

/* Saves what a call must keep, changes stacks, and returns to where the other one called. */
__asm__(".text\n"
        ".globl fiber_switch\n"
        ".hidden fiber_switch\n"
        ".type fiber_switch, @function\n"
        "fiber_switch:\n"
        "    push %rbp\n"
        "    push %rbx\n"
        "    push %r12\n"
        "    push %r13\n"
        "    push %r14\n"
        "    push %r15\n"
        "    mov %rsp, (%rdi)\n"
        "    mov %rsi, %rsp\n"
        "    pop %r15\n"
        "    pop %r14\n"
        "    pop %r13\n"
        "    pop %r12\n"
        "    pop %rbx\n"
        "    pop %rbp\n"
        "    ret\n"
        ".size fiber_switch, .-fiber_switch\n");

void *fiber_prepare(unsigned index, void (*entry)(void))
{
    void **top = (void **)(stacks.memory + (size_t)(index + 1) * STACK_BYTES);
    *--top = NULL; /* where entry would return to, which it does not; leaves the stack aligned as
                      after a call */
    *--top = (void *)(uintptr_t)entry;
    for (int i = 0; i < 6; i++)
        *--top = NULL;
    return top;
}

#else

#include <ucontext.h>

/* Slower: each switch asks the kernel to keep signal masks. A context lies where it was saved. */
void fiber_switch(void **save, void *load)
{
    ucontext_t here;
    *save = &here;
    swapcontext(&here, load);
}

void *fiber_prepare(unsigned index, void (*entry)(void))
{
    unsigned char *stack = stacks.memory + (size_t)index * STACK_BYTES;
    ucontext_t *context = (ucontext_t *)(stack + GUARD_BYTES);
    getcontext(context);
    context->uc_stack.ss_sp = stack + 2 * GUARD_BYTES;
    context->uc_stack.ss_size = STACK_BYTES - 2 * GUARD_BYTES;
    context->uc_link = NULL;
    makecontext(context, entry, 0);
    return context;
}

#endif
