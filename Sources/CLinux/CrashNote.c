#include "CLinux.h"
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// Only what may be called in a signal handler is called in it: sigaction, raise, write.

static const int deadly[] = {SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGABRT};
static struct sigaction before[NSIG];
static const char *templates[2];
static _Thread_local struct { int64_t partition, first, last; int replays; } work = {-1, 0, 0, 0};

struct line {
    char text[4096];
    size_t count;
};

static void add(struct line *line, char byte) {
    if (line->count < sizeof line->text) line->text[line->count++] = byte;
}

static void add_number(struct line *line, int64_t number) {
    char digits[20];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (count > 0) add(line, digits[--count]);
}

static void write_note(void) {
    struct line line;
    line.count = 0;
    for (const char *next = templates[work.replays]; *next != 0; next++) {
        switch (*next) {
        case 1: add_number(&line, work.partition); break;
        case 2: add_number(&line, work.first); break;
        case 3: add_number(&line, work.last); break;
        case 4: add_number(&line, work.last + 1); break;
        default: add(&line, *next);
        }
    }
    // One call, so that lines of other threads stay whole; nothing can be done where it fails.
    if (write(STDERR_FILENO, line.text, line.count) < 0) return;
}

static void handle(int number, siginfo_t *info, void *context) {
    (void)context;
    sigaction(number, &before[number], NULL);
    if (work.partition >= 0) write_note();
    // A fault happens again on return; a signal that was sent must be sent again.
    if (info->si_code <= 0) raise(number);
}

void tripline_note_crashes(const char *note, const char *replay_note) {
    templates[0] = note;
    templates[1] = replay_note;
    for (size_t index = 0; index < sizeof deadly / sizeof *deadly; index++) {
        struct sigaction action;
        memset(&action, 0, sizeof action);
        action.sa_sigaction = handle;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK;
        sigaction(deadly[index], &action, &before[deadly[index]]);
    }
}

int tripline_use_alternate_stack(void) {
    stack_t stack;
    // A sanitizer or a runtime that has set one takes it away again itself.
    if (sigaltstack(NULL, &stack) != 0 || !(stack.ss_flags & SS_DISABLE)) return 1;
    memset(&stack, 0, sizeof stack);
    stack.ss_size = 64 << 10;
    stack.ss_sp = mmap(NULL, stack.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return stack.ss_sp != MAP_FAILED && sigaltstack(&stack, NULL) == 0;
}

void tripline_begin_work(int32_t partition, int64_t first, int64_t last, int replays) {
    work.replays = replays;
    work.first = first;
    work.last = last;
    work.partition = partition;
}

void tripline_end_work(void) {
    work.partition = -1;
}
