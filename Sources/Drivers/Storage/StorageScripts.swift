/// The fixed texts that `bash -c` runs on the host. Values come as arguments or on standard input, never in the text.
enum StorageScripts {
    /// Before each script that writes: stop at the first failure; `refuse` says why the target is not as it should be.
    static let prelude = #"""
        set -euo pipefail
        umask 077
        refuse() { printf '%s\n' "$*" >&2; exit 9; }

        """#

    /// PATH. Writes what is there and, of a plain file, the mark as `getfattr` dumps it.
    static let inspect = #"""
        set -eu
        if [[ -L $1 ]]; then echo other
        elif [[ ! -e $1 ]]; then echo missing
        elif [[ ! -f $1 ]]; then echo other
        else
            echo file
            # Opened, so that NFS asks its server for what another host has changed.
            : <"$1"
            exec getfattr --no-dereference --dump --match='^user\.infra$' --encoding=base64 --absolute-names -- "$1"
        fi
        """#

    /// PATH: a plain file's size, and its first bytes in hexadecimal digits.
    static let header = #"""
        set -eu
        stat --printf='%s\n' -- "$1"
        exec od -A n -v -t x1 -N 112 -- "$1"
        """#

    /// LENGTH FOLDER…: what is in the folders, as `StorageListing` reads it, with the first bytes of each plain file that is
    /// called as our qcow2 files are. Names are kept in files without a name, so that one walk tells the order of all; first
    /// bytes and marks are read at the same time. Without the prelude, since nothing in a folder is written.
    static let list = #"""
        set -eu
        umask 077
        length=$1
        shift
        kept=$(mktemp -d)
        exec 3>"$kept/files" 4<"$kept/files" 5>"$kept/disks" 6<"$kept/disks" 7>"$kept/heads" 8<"$kept/heads"
        rm -rf -- "$kept"
        stat --file-system --printf='%S\t%b\t%f\0' -- "$@"
        find -H "$@" -mindepth 1 -maxdepth 1 -printf '%y\t%s\t%b\t%p\0' -type f -fprintf /dev/fd/3 '%p\0' \
            -name '*.qcow2' -size "+$((length - 1))c" -fprintf /dev/fd/5 '%p\0'
        printf '\0'
        xargs --null --no-run-if-empty --arg-file=/dev/fd/6 head --quiet --bytes="$length" -- >&7 2>/dev/null &
        heads=$!
        xargs --null --no-run-if-empty --arg-file=/dev/fd/4 \
            getfattr --no-dereference --dump --match='^user\.infra$' --encoding=base64 --absolute-names --
        printf '\0'
        wait "$heads" || true
        exec cat <&8
        """#

    /// STAGED FINAL MODE, a dump of the mark on standard input. `ln` never replaces, as `mv` would.
    static let finish = #"""
        [[ -f $1 && ! -L $1 ]] || refuse "$1 is not there any more"
        setfattr --restore=-
        chmod -- "$3" "$1"
        sync -- "$1"
        [[ ! -e $2 && ! -L $2 ]] || refuse "$2 is there already"
        ln --no-target-directory -- "$1" "$2"
        rm -f -- "$1"
        sync -- "$(dirname -- "$2")"
        """#

    /// FOLDER…: those that are folders as `makeFolder` takes them, each ended by a zero byte.
    static let folders = #"""
        for path; do
            [[ -d $path && $(realpath --canonicalize-missing -- "$path") == "$path" ]] || continue
            printf '%s\0' "$path"
        done
        """#

    /// FOLDER…: their marks as `getfattr` dumps them.
    static let folderMarks = #"""
        for path; do
            [[ -d $path && ! -L $path ]] || continue
            getfattr --no-dereference --dump --match='^user\.infra$' --encoding=base64 --absolute-names -- "$path" || true
        done
        """#

    /// FOLDER…: of each that cannot be a pool of ours the path and the reason, each ended by a zero byte. Reads only: a
    /// file system that takes no `user.*` attributes says so when it is asked for one.
    static let folderObjections = #"""
        object() { printf '%s\0%s\0' "$path" "$1"; }
        for path; do
            if [[ ! -d $path ]]; then object 'its folder is not there'
            elif [[ $(realpath --canonicalize-missing -- "$path") != "$path" ]]; then
                object 'the way to its folder goes through a symbolic link, or is not written in its shortest form'
            elif [[ ! -O $path ]]; then object 'its folder belongs to another user'
            elif [[ -n $(find "$path" -maxdepth 0 -perm /022) ]]; then
                object 'its folder may be written by others than its owner'
            elif LC_ALL=C getfattr -n user.infra --absolute-names -- "$path" 2>&1 >/dev/null |
                grep -q 'not supported'; then
                object 'the file system of its folder takes no user.* attributes, which marks need'
            fi
        done
        """#

    /// FOLDER: takes our mark off.
    static let releaseFolder = #"""
        [[ -d $1 && ! -L $1 ]] || refuse "$1 is not a folder any more"
        setfattr --remove=user.infra -- "$1"
        """#

    /// PATH ROOT…: makes a folder for a pool below one of the roots, or checks the one that is there.
    static let makeFolder = findFolder + tryFolder

    /// PATH ROOT…: makes a folder below one of the roots, or takes the one that is there.
    static let findFolder = #"""
        path=$1
        shift
        below=
        for root; do if [[ $path == "${root%/}"/* ]]; then below=yes; fi; done
        [[ $below ]] || refuse "$path does not lie below a storage root of the host"
        [[ $(realpath --canonicalize-missing -- "$path") == "$path" ]] ||
            refuse "the way to $path goes through a symbolic link, or it is not written in its shortest form"
        if [[ ! -e $path ]]; then
            (umask 022 && mkdir -p -- "$(dirname -- "$path")")
            mkdir -m 0711 -- "$path"
        fi

        """#

    /// With a folder's path in `path`: refuses one that volumes cannot lie in. What marks need is tried.
    static let tryFolder = #"""
        [[ -d $path ]] || refuse "$path is not a folder"
        [[ -O $path ]] || refuse "$path belongs to another user"
        [[ -z $(find "$path" -maxdepth 0 -perm /022) ]] || refuse "$path may be written by others than its owner"
        trial=$(mktemp -- "$path/.infra-trial.XXXXXX")
        trap 'rm -f -- "$trial"' EXIT
        if ! setfattr -n user.infra -v trial -- "$trial" || [[ $(getfattr --only-values -n user.infra --absolute-names -- "$trial") != trial ]]; then
            refuse "the file system of $path takes no user.* attributes, which the marks of volumes need (ext4, xfs, btrfs and NFS 4.2 over them do)"
        fi
        """#

    /// DEVICE…: refuses one that carries anything, or that anything uses. Only reads. blkid(8) ends with 2 where it finds
    /// nothing; what it takes for two things at once it ends with 8.
    static let checkDevices = #"""
        for device; do
            [[ -b $device ]] || refuse "$device is no block device"
            real=$(realpath -- "$device")
            found=$(wipefs --no-act --noheadings --output TYPE -- "$device" | tr -s ' \n' ' ')
            [[ ! ${found// } ]] || refuse "$device carries a signature, and is left as it is:${found% }"
            code=0
            blkid --probe -- "$device" >/dev/null 2>&1 || code=$?
            [[ $code == 2 ]] || refuse "$device carries something that blkid knows, or cannot be probed (exit code $code)"
            if pvs --noheadings -- "$device" >/dev/null 2>&1; then refuse "$device is a physical volume of LVM"; fi
            for used in "/sys/class/block/${real##*/}"/holders/* "/sys/class/block/${real##*/}"/*/partition; do
                [[ ! -e $used ]] || refuse "$device is in use: $used"
            done
            user=$(find /proc/[0-9]*/fd -maxdepth 1 -lname "$real" -print -quit 2>/dev/null || true)
            [[ ! $user ]] || refuse "$device is open in a process: $user"
        done
        """#

    /// STAGED SHA256: writes standard input to the staged file and compares its digest.
    static let receive = #"""
        rm -f -- "$1"
        set -o noclobber
        cat >"$1"
        sum=$(sha256sum <"$1")
        if [[ ${sum%% *} != "$2" ]]; then
            rm -f -- "$1"
            refuse "the bytes that arrived have the digest ${sum%% *}, not $2"
        fi
        """#

    /// STAGED: makes an empty file in place of what an earlier run has left.
    static let makeEmpty = #"""
        rm -f -- "$1"
        set -o noclobber
        : >"$1"
        """#

    /// STAGED: removes an unfinished file.
    static let removeStaged = #"""
        [[ -e $1 || -L $1 ]] || exit 0
        [[ -f $1 && ! -L $1 ]] || refuse "$1 is not a plain file"
        rm -f -- "$1"
        """#

    /// PATH: removes a file and writes that through.
    static let remove = #"""
        [[ -f $1 && ! -L $1 ]] || refuse "$1 is not there any more"
        rm -f -- "$1"
        sync -- "$(dirname -- "$1")"
        """#

    /// PATH FINAL: renames a file, never in place of another, and writes that through. `mv --no-clobber` does nothing, and says
    /// nothing, where there is one.
    static let rename = #"""
        [[ -f $1 && ! -L $1 ]] || refuse "$1 is not there any more"
        mv --no-clobber --no-target-directory -- "$1" "$2"
        [[ ! -e $1 ]] || refuse "$2 is there already"
        sync -- "$(dirname -- "$2")"
        """#

    /// STAGED META USER, the bytes of the three files on standard input; META and USER are the sizes of the first two
    /// in bytes. Makes the seed's image, as https://cloudinit.readthedocs.io/en/latest/reference/datasources/nocloud.html
    /// wants it. Both programs take the options of mkisofs(8). Who works in a folder holds its lock, so what one that was
    /// killed has left is told from that of another that is at work, and goes.
    static let makeSeed = #"""
        mkdir -p /run/infra
        exec {all}</run/infra
        flock "$all"
        for left in /run/infra/seed.*; do
            [[ ! -d $left ]] || flock --nonblock -- "$left" rm -rf -- "$left" || true
        done
        folder=$(mktemp -d /run/infra/seed.XXXXXX)
        trap 'rm -rf -- "$folder"' EXIT
        exec {held}<"$folder"
        flock "$held"
        exec {all}<&-
        mkdir -- "$folder/files"
        head -c "$2" >"$folder/files/meta-data"
        head -c "$3" >"$folder/files/user-data"
        cat >"$folder/files/network-config"
        if command -v genisoimage >/dev/null; then make=(genisoimage)
        elif command -v xorriso >/dev/null; then make=(xorriso -as mkisofs)
        else
            echo 'neither genisoimage nor xorriso is installed' >&2
            exit 127
        fi
        "${make[@]}" -quiet -volid cidata -joliet -rock -output "$folder/seed.iso" "$folder/files" </dev/null
        set -o noclobber
        cat -- "$folder/seed.iso" >"$1"
        """#

    /// STAGED FINAL, a dump of the mark on standard input. In place of the old seed, whose mark was looked at.
    static let replaceSeed = #"""
        setfattr --restore=-
        sync -- "$1"
        [[ ! -L $2 && ( ! -e $2 || -f $2 ) ]] || refuse "$2 is not a plain file"
        mv --force --no-target-directory -- "$1" "$2"
        sync -- "$(dirname -- "$2")"
        """#
}
