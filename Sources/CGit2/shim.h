#include <git2.h>
#include <git2/sys/commit.h>

// git_libgit2_opts is variadic, which Swift cannot call.

static inline int infra_git_set_size(int option, size_t value) { return git_libgit2_opts(option, value); }
static inline int infra_git_set_flag(int option, int value) { return git_libgit2_opts(option, value); }
static inline int infra_git_set_search_path(int level, const char *path) {
    return git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, path);
}
static inline int infra_git_set_authorities(const char *file) {
    return git_libgit2_opts(GIT_OPT_SET_SSL_CERT_LOCATIONS, file, (const char *)0);
}

// Macros with structures in them, which Swift does not see.

static inline git_remote_connect_options infra_git_connect_options(void) {
    git_remote_connect_options options = GIT_REMOTE_CONNECT_OPTIONS_INIT;
    return options;
}
static inline git_fetch_options infra_git_fetch_options(void) {
    git_fetch_options options = GIT_FETCH_OPTIONS_INIT;
    return options;
}
