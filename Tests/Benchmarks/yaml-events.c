/* Reads libyaml's events of the files given and does nothing with them: the least that any reader of manifests does. */
#include <stdio.h>
#include <yaml.h>

static long read_events(FILE *file)
{
    yaml_parser_t parser;
    yaml_event_t event;
    long count = 0;
    int is_end = 0;

    if (!yaml_parser_initialize(&parser))
        return -1;
    yaml_parser_set_input_file(&parser, file);
    while (!is_end) {
        if (!yaml_parser_parse(&parser, &event)) {
            count = -1;
            break;
        }
        is_end = event.type == YAML_STREAM_END_EVENT;
        count++;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return count;
}

int main(int argc, char **argv)
{
    long total = 0;

    for (int index = 1; index < argc; index++) {
        FILE *file = fopen(argv[index], "rb");
        if (!file) {
            perror(argv[index]);
            return 2;
        }
        long count = read_events(file);
        fclose(file);
        if (count < 0) {
            fprintf(stderr, "%s: not YAML\n", argv[index]);
            return 1;
        }
        total += count;
    }
    printf("%ld events\n", total);
    return 0;
}
