/// The fixed texts that look at and into what is mounted on the host. Values come as arguments, never in the text.
enum MountScripts {
    /// PATH…: says in `found` what kind of file system is mounted at a path and from where, as proc_pid_mountinfo(5) has it;
    /// of several the last. No file system is touched: one whose server is gone would hold us.
    static let find = #"""
        found=
        while read -r _ _ _ _ point _ fields; do
            if [[ $point == "$1" ]]; then found=${fields#*- } found=${found% *}; fi
        done </proc/self/mountinfo

        """#

    /// PATH SOURCE: refuses what is not mounted.
    static let require =
        find + #"""
            [[ $found == "nfs4 $2" ]] || refuse "$2 is not mounted at $1${found:+, but ${found#* }}"

            """#

    /// PATH SOURCE: refuses where something else lies over a mount: to unmount the path would take that away.
    static let uncovered =
        find + #"""
            [[ ! $found || $found == "nfs4 $2" ]] || refuse "${found#* } is mounted over $1, which stays as it is"

            """#

    /// PATH ROOT…: makes the mount point below one of the roots, or takes the one that is there.
    static let makePoint =
        find + #"""
            [[ ! $found ]] ||
                refuse "${found#* } is mounted at $1 already; a directory pool with shared: true takes what you mount"

            """# + StorageScripts.findFolder

    /// PATH SOURCE SERVER: refuses a mount that would hide something, and one that would wait for its server: libvirt tells
    /// nobody of any pool as long as mount(8) does. What is mounted already is taken as it is.
    static let prepare =
        find + #"""
            if [[ $found == "nfs4 $2" ]]; then exit 0; fi
            [[ ! $found ]] || refuse "${found#* } is mounted at $1"
            [[ -d $1 && ! -L $1 ]] || refuse "$1 is not a folder"
            [[ -z $(find "$1" -mindepth 1 -maxdepth 1 -print -quit) ]] ||
                refuse "$1 is not empty, and a mount would hide what is in it"
            command -v mount.nfs >/dev/null || refuse 'mount.nfs is not installed (nfs-common)'
            timeout 10 bash -c '</dev/tcp/"$1"/2049' infra-mount "$3" 2>/dev/null ||
                refuse "the NFS server $3 does not answer at TCP port 2049"
            """#

    /// PATH SOURCE: tries whether marks can be kept there.
    static let trial = require + "path=$1\n" + StorageScripts.tryFolder

    /// PATH SOURCE LENGTH FOLDER, the last as the first: as `StorageScripts.list`. Each file is opened before it is looked
    /// at, so that the server is asked for what another host has changed, close-to-open of nfs(5).
    static let list =
        StorageScripts.prelude + require + #"""
            shift 2
            find -H "$2" -mindepth 1 -maxdepth 1 -type f -print0 |
                xargs --null --no-run-if-empty head --quiet --bytes=1 -- >/dev/null

            """# + StorageScripts.list
}
