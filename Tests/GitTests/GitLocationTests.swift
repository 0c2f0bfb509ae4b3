import GitRepository
import Testing

@Suite struct GitLocationTests {
    @Test(arguments: [
        ("https://git.example/fleet.git", "https://git.example/fleet.git"),
        ("HTTPS://Git.Example:8443/a/b", "https://git.example:8443/a/b"),
        ("ssh://git@git.example/~me/fleet.git", "ssh://git@git.example/~me/fleet.git"),
        ("ssh://git@[fd00::1]:2222/fleet.git", "ssh://git@[fd00::1]:2222/fleet.git"),
        ("file:///srv/git/fleet.git/", "file:///srv/git/fleet.git"),
        ("/srv/git/the fleet.git", "file:///srv/git/the%20fleet.git"),
        ("file:///srv/git/the%20fleet.git", "file:///srv/git/the%20fleet.git"),
    ])
    func accepted(text: String, description: String) throws {
        #expect(try GitLocation(text).description == description)
        #expect(try GitLocation(description) == GitLocation(text))
    }

    @Test(
        "hostile git: locations that run a program or take an option",
        arguments: [
            "", "-", "fleet.git", "../fleet.git", "ext::sh -c id", "ext::sh -c 'id' /srv", "fd::17",
            "-oProxyCommand=id",
            "--upload-pack=id", "--upload-pack=id /srv/x", "http://git.example/x", "http://127.0.0.1/x",
            "git://git.example/x", "ftp://git.example/x", "git@git.example:fleet.git", "git.example:fleet.git",
            "ssh://-oProxyCommand=id/x", "ssh://-l@git.example/x", "ssh://git@-oProxyCommand=id/x",
            "ssh://git@git.example/-x", "ssh://git@git.example", "ssh://git@git.example/", "ssh://git@git.example/a'b",
            "ssh://git@git.example/$(id)", "ssh://git@git.example/a b", "ssh://`id`.example/x",
            "ssh://git@git.example:/x",
            "ssh://git@git.example:0/x", "ssh://git@git.example:65536/x", "ssh://git@git.example:2x/x",
            "ssh://git@git.example:-1/x", "ssh://git:hunter2@git.example/x", "https://hunter2@git.example/x",
            "https://u:hunter2@git.example/x", "https://git.example/x?token=hunter2", "https://git.example/x#hunter2",
            "https:///x", "https://git.example/a\nb", "https://git.example/\u{1b}[31m", "https://.example/x",
            "https://[git]/x", "https://[::1/x", "file://host/srv/git", "file://srv/git", "file:///",
            "file:///srv/../etc",
            "file:///srv/%0a", "file:///srv/%00x", "/srv/a\u{202e}b", "/",
        ])
    func refused(text: String) throws {
        let error = try #require(throws: GitError.self) { try GitLocation(text) }
        guard case .location = error else {
            Issue.record("\(error)")
            return
        }
        #expect(!error.description.contains("hunter2"))
    }

    @Test func saysHowToWriteIt() throws {
        let scp = try #require(throws: GitError.self) { try GitLocation("git@git.example:fleet.git") }
        #expect(scp.description.contains("ssh://user@host/path"))
        let plain = try #require(throws: GitError.self) { try GitLocation("http://git.example/x") }
        #expect(plain.description.contains("https://"))
    }
}
