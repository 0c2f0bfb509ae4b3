# shellcheck shell=bash
# Parts of making a disk from Debian packages (vm-image, cloud-image). Sourced.

# debian_version PACKAGE: the newest version that apt knows; nothing if it knows none.
debian_version() { apt-cache show --no-all-versions "$1" 2>/dev/null | sed -n 's/^Version: //p'; }

# debian_suite: this machine's release.
debian_suite() { # shellcheck disable=SC1091
    . /etc/os-release && printf '%s' "${VERSION_CODENAME:?}"
}

# debian_sources SOURCES CONF: writes Debian's own of the machine's sources, and how apt here goes to them. Fails where there
# are none.
debian_sources() {
    # shellcheck disable=SC2016 # apt's own variables
    apt-get indextargets --format 'deb [signed-by=$(SIGNED_BY)] $(REPO_URI) $(RELEASE) $(COMPONENT)' \
        'Created-By: Packages' 'Origin: Debian' | sed 's/ \[signed-by=[^/]*\]//' | sort -u >"$1"
    apt-config dump | grep -E '^Acquire::(https?|Check-)' >"$2" || true
    [[ -s $1 ]]
}

# debian_initramfs FOLDER MODULE…: what makes an initial RAM disk with these modules and no others: no hardware is looked for.
debian_initramfs() {
    local etc=$1/etc/initramfs-tools/conf.d modules=$1/usr/share/initramfs-tools/modules.d
    mkdir -p "$etc" "$modules"
    printf 'MODULES=list\nBUSYBOX=n\n' >"$etc/lab"
    printf '%s\n' "${@:2}" >"$modules/lab"
}
