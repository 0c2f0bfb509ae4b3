import Model
import Testing

@testable import Hosts

/// What is read of libvirt's lock manager.
@Suite struct LeaseTests {
    private let question = LeaseQuestion(folders: ["/srv/disks", "/srv/more"])

    @Test(
        arguments: [
            ("driver lockd", nil),
            ("driver nop", "libvirt has no lock manager"),
            ("driver sanlock", "libvirt has another lock manager, sanlock, which infra leaves alone"),
            ("driver gone", "the process that runs libvirt's QEMU driver is not found"),
            ("", "the process that runs libvirt's QEMU driver is not found"),
            (
                "driver lockd\nchanged /etc/libvirt/qemu.conf",
                "/etc/libvirt/qemu.conf was changed after libvirt had read it; restart libvirtd"
            ),
            ("driver lockd\nsilent", "virtlockd does not listen"),
            ("driver lockd\nsetting auto_disk_leases 1", nil),
            ("driver lockd\nsetting auto_disk_leases 0", "qemu-lockd.conf says `auto_disk_leases = 0`"),
            (
                "driver lockd\nsetting file_lockspace_dir \"/var/lib/libvirt/lockd/files\"",
                "qemu-lockd.conf sets file_lockspace_dir; leases are to be on the disks' own files"
            ),
            ("driver lockd\noptions rw,relatime,vers=4.2 /srv/disks", nil),
            (
                "driver lockd\noptions rw,vers=3,nolock /srv/disks",
                "/srv/disks is mounted with nolock, so other hosts do not see its locks"
            ),
            (
                "driver lockd\noptions rw,local_lock=posix /srv/disks",
                "/srv/disks is mounted with local_lock=posix, so other hosts do not see its locks"
            ),
            ("driver lockd\noptions rw,local_lock=none /srv/disks", nil),
        ] as [(String, String?)]) func obstacles(text: String, obstacle: String?)
    {
        #expect(question.leases(text).obstacle == obstacle)
    }

    @Test func whatIsHeld() {
        let text = """
            driver lockd
            held /run/virtlockd.pid
            held /srv/more/b c.qcow2
            held /srv/disks/a.qcow2
            held /srv/disks-of-others/a.qcow2
            """
        #expect(question.leases(text) == Leases(held: ["/srv/disks/a.qcow2", "/srv/more/b c.qcow2"]))
    }

    /// Where libvirt does not run there is no process to ask.
    @Test func theScriptAnswersAnywhere() async throws {
        let leases = try await CommandRunner().ask(question.question(.seconds(30)))
        #expect(leases.held.isEmpty)
    }

    @Test func theDoctorTells() {
        #expect(Doctor.leaseFinding(Leases()).severity == .ok)
        let none = Doctor.leaseFinding(Leases(obstacle: LeaseQuestion.noLockManager))
        #expect(none.severity == .ok && none.message.contains(Leases.help))
        let broken = Doctor.leaseFinding(Leases(obstacle: "virtlockd does not listen"))
        #expect(broken.severity == .warning && broken.remedy == Leases.help)
    }
}
