/* Runs AArch64 stencils: reads cases (length of the code, memory, code) from standard input, writes the memory that each
 * leaves behind to standard output. Addresses and the places of registers are those of machine.rs. */

#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define MEMORY ((uint8_t *)0x700000000)
#define MEMORY_SIZE 0x1000
#define CODE ((uint8_t *)0x710000000)
#define CODE_SIZE 0x1000
#define SLOT 16

void run(void *code);
void way_0(void), way_1(void), way_2(void), way_3(void), way_4(void), dealloc(void), function(void);

/* The registers are at MEMORY + 0xa00: words, doubles, thread, top, frame, the way out, the stack pointer; the answer
 * of native functions at + 0x70, calls from + 0x78 on. */
__asm__(
    ".text\n"
    ".macro registers to\n"
    "  movz \\to, #0x0a00\n"
    "  movk \\to, #7, lsl #32\n"
    ".endm\n"
    ".globl run\n"
    "run:\n"
    "  stp x29, x30, [sp, -160]!\n"
    "  mov x29, sp\n"
    "  stp x19, x20, [sp, 16]\n"
    "  stp x21, x22, [sp, 32]\n"
    "  stp x23, x24, [sp, 48]\n"
    "  stp x25, x26, [sp, 64]\n"
    "  stp x27, x28, [sp, 80]\n"
    "  stp d8, d9, [sp, 96]\n"
    "  stp d10, d11, [sp, 112]\n"
    "  stp d12, d13, [sp, 128]\n"
    "  stp d14, d15, [sp, 144]\n"
    "  registers x9\n"
    "  mov x10, sp\n"
    "  str x10, [x9, 104]\n"
    "  mov x10, x0\n"
    "  ldp x4, x5, [x9]\n"
    "  ldp x6, x7, [x9, 16]\n"
    "  ldp d0, d1, [x9, 32]\n"
    "  ldp d2, d3, [x9, 48]\n"
    "  ldp x2, x3, [x9, 64]\n"
    "  ldr x21, [x9, 80]\n"
    "  br x10\n"
    ".irp n, 0, 1, 2, 3, 4\n"
    ".globl way_\\n\n"
    "way_\\n:\n"
    "  mov x10, #\\n\n"
    "  b 2f\n"
    ".endr\n"
    "2:\n"
    "  registers x9\n"
    "  str x10, [x9, 88]\n"
    "  stp x4, x5, [x9]\n"
    "  stp x6, x7, [x9, 16]\n"
    "  stp d0, d1, [x9, 32]\n"
    "  stp d2, d3, [x9, 48]\n"
    "  stp x2, x3, [x9, 64]\n"
    "  str x21, [x9, 80]\n"
    "  ldr x10, [x9, 104]\n"
    "  mov sp, x10\n"
    "  ldp x19, x20, [sp, 16]\n"
    "  ldp x21, x22, [sp, 32]\n"
    "  ldp x23, x24, [sp, 48]\n"
    "  ldp x25, x26, [sp, 64]\n"
    "  ldp x27, x28, [sp, 80]\n"
    "  ldp d8, d9, [sp, 96]\n"
    "  ldp d10, d11, [sp, 112]\n"
    "  ldp d12, d13, [sp, 128]\n"
    "  ldp d14, d15, [sp, 144]\n"
    "  ldp x29, x30, [sp], 160\n"
    "  ret\n"
    /* Destroys an object: written down, with every register preserved. */
    ".globl dealloc\n"
    "dealloc:\n"
    "  stp x9, x10, [sp, -32]!\n"
    "  str x11, [sp, 16]\n"
    "  registers x9\n"
    "  add x9, x9, 0x78\n"
    "  ldr x10, [x9]\n"
    "  add x11, x10, 1\n"
    "  str x11, [x9]\n"
    "  add x9, x9, x10, lsl 5\n"
    "  mov x10, 5\n"
    "  stp x10, x0, [x9, 8]\n"
    "  ldr x11, [sp, 16]\n"
    "  ldp x9, x10, [sp], 32\n"
    "  ret\n"
    /* A native function: its arguments are written down, what it may change is changed. */
    ".globl function\n"
    "function:\n"
    "  registers x9\n"
    "  ldr x0, [x9, 0x70]\n"
    "  add x9, x9, 0x78\n"
    "  ldr x10, [x9]\n"
    "  add x11, x10, 1\n"
    "  str x11, [x9]\n"
    "  add x9, x9, x10, lsl 5\n"
    "  mov x10, 6\n"
    "  stp x10, x1, [x9, 8]\n"
    "  stp x2, x3, [x9, 24]\n"
    "  mov x1, #-77\n"
    "  mov x2, x1\n"
    "  mov x3, x1\n"
    "  mov x4, x1\n"
    "  mov x5, x1\n"
    "  mov x6, x1\n"
    "  mov x7, x1\n"
    "  mov x8, x1\n"
    "  mov x9, x1\n"
    "  mov x10, x1\n"
    "  mov x11, x1\n"
    "  mov x12, x1\n"
    "  mov x13, x1\n"
    "  mov x14, x1\n"
    "  mov x15, x1\n"
    "  fmov d0, x1\n"
    "  fmov d1, x1\n"
    "  fmov d2, x1\n"
    "  fmov d3, x1\n"
    "  ret\n");

static void fill_slots(void)
{
    void (*targets[])(void) = {way_0, way_1, way_2, way_3, way_4, dealloc, function};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        /* ldr x16, 8; br x16 */
        uint32_t code[2] = {0x58000050, 0xd61f0200};
        memcpy(CODE + SLOT * i, code, sizeof code);
        memcpy(CODE + SLOT * i + 8, &targets[i], 8);
    }
}

int main(void)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    if (mmap(MEMORY, MEMORY_SIZE, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED)
        return 2;
    if (mmap(CODE, CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC, flags, -1, 0) == MAP_FAILED)
        return 2;
    fill_slots();
    uint8_t *at = CODE + 7 * SLOT;
    uint64_t length;
    while (fread(&length, sizeof length, 1, stdin) == 1) {
        if (length > CODE_SIZE - 7 * SLOT || fread(MEMORY, MEMORY_SIZE, 1, stdin) != 1 || fread(at, length, 1, stdin) != 1)
            return 3;
        __builtin___clear_cache((char *)CODE, (char *)CODE + CODE_SIZE);
        run(at);
        if (fwrite(MEMORY, MEMORY_SIZE, 1, stdout) != 1)
            return 4;
        fflush(stdout);
    }
    return 0;
}
