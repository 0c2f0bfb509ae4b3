/* measure RUNS COMMAND [ARGUMENT…] [:: COMMAND [ARGUMENT…]]…
 *
 * Runs the commands in turn, A B C A B C …, each RUNS times, so that a slow minute of the machine falls on all of them.
 * Their output goes nowhere. Prints a line for each command: median of the wall clock in milliseconds, the fastest and
 * the slowest run, the largest resident memory in KiB. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { COMMANDS = 16, RUNS = 99 };

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

/* Runs a command; the milliseconds it took, negative when it failed. */
static double run(char **command, long *memory)
{
    struct rusage usage;
    int status;
    double start = now();
    pid_t child = fork();

    if (child == 0) {
        int nowhere = open("/dev/null", O_RDWR);
        dup2(nowhere, STDIN_FILENO);
        dup2(nowhere, STDOUT_FILENO);
        execvp(command[0], command);
        perror(command[0]);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) != child)
        return -1;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "measure: %s failed (status %d)\n", command[0], status);
        return -1;
    }
    if (usage.ru_maxrss > *memory)
        *memory = usage.ru_maxrss;
    return now() - start;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

int main(int argc, char **argv)
{
    static double times[COMMANDS][RUNS];
    char **commands[COMMANDS];
    long memory[COMMANDS] = { 0 };
    int count = 0, runs = argc > 2 ? atoi(argv[1]) : 0;

    if (runs < 1 || runs > RUNS) {
        fprintf(stderr, "usage: measure RUNS COMMAND… [:: COMMAND…]…\n");
        return 2;
    }
    commands[count++] = argv + 2;
    for (int index = 2; index < argc; index++)
        if (strcmp(argv[index], "::") == 0 && count < COMMANDS) {
            argv[index] = NULL;
            commands[count++] = argv + index + 1;
        }
    for (int turn = 0; turn < runs; turn++)
        for (int index = 0; index < count; index++) {
            times[index][turn] = run(commands[index], &memory[index]);
            if (times[index][turn] < 0)
                return 1;
        }
    for (int index = 0; index < count; index++) {
        double *list = times[index];
        qsort(list, runs, sizeof *list, compare);
        double median = runs % 2 ? list[runs / 2] : (list[runs / 2 - 1] + list[runs / 2]) / 2;
        printf("%.2f %.2f %.2f %ld\n", median, list[0], list[runs - 1], memory[index]);
    }
    return 0;
}
