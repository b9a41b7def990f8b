#include "workload.h"

/* A stack machine with a switch, running a program that counts steps of 3n+1 sequences. */

enum op { PUSH, LOAD, STORE, ADD, MULTIPLY, SHIFT, AND, LESS, JUMP, JUMP_IF_NOT, HALT };
enum variable { NUMBER, N, STEPS };

struct insn {
    uint16_t op;
    int16_t operand;
};

static const struct insn PROGRAM[] = {
    /*  0 */ {PUSH, 1},      {STORE, NUMBER},
    /*  2 */ {LOAD, NUMBER}, {PUSH, 16000},      {LESS, 0}, {JUMP_IF_NOT, 36},
    /*  6 */ {LOAD, NUMBER}, {STORE, N},
    /*  8 */ {PUSH, 1},      {LOAD, N},          {LESS, 0}, {JUMP_IF_NOT, 31},
    /* 12 */ {LOAD, N},      {PUSH, 1},          {AND, 0},  {JUMP_IF_NOT, 23},
    /* 16 */ {LOAD, N},      {PUSH, 3},          {MULTIPLY, 0},
    /* 19 */ {PUSH, 1},      {ADD, 0},           {STORE, N}, {JUMP, 26},
    /* 23 */ {LOAD, N},      {SHIFT, 1},         {STORE, N},
    /* 26 */ {LOAD, STEPS},  {PUSH, 1},          {ADD, 0},  {STORE, STEPS}, {JUMP, 8},
    /* 31 */ {LOAD, NUMBER}, {PUSH, 1},          {ADD, 0},  {STORE, NUMBER}, {JUMP, 2},
    /* 36 */ {HALT, 0}};

static __attribute__((noinline)) int64_t interpret(const struct insn *program)
{
    int64_t stack[16], variables[4] = {0};
    int64_t *top = stack; /* the next free place */
    for (const struct insn *at = program;; at++) {
        switch (at->op) {
        case PUSH: *top++ = at->operand; break;
        case LOAD: *top++ = variables[at->operand]; break;
        case STORE: variables[at->operand] = *--top; break;
        case ADD: top--; top[-1] += top[0]; break;
        case MULTIPLY: top--; top[-1] *= top[0]; break;
        case SHIFT: top[-1] >>= at->operand; break;
        case AND: top--; top[-1] &= top[0]; break;
        case LESS: top--; top[-1] = top[-1] < top[0]; break;
        case JUMP: at = program + at->operand - 1; break;
        case JUMP_IF_NOT:
            if (!*--top)
                at = program + at->operand - 1;
            break;
        default: return variables[STEPS];
        }
    }
}

WORKLOAD(bytecode, "integer", "an interpreter's loop: a switch that the host cannot foresee")
{
    return interpret(PROGRAM) + interpret(PROGRAM);
}
