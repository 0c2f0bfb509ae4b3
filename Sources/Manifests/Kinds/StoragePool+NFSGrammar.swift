import Model

extension StoragePool.NFS {
    static let grammar = Record(
        "an NFS export", StoragePool.NFS(server: "", export: "", path: ""),
        [
            .required(
                "server", \.server, KVMHost.machineAddress("a server's address"),
                "The server's name in DNS, or its address."),
            .required(
                "export", \.export, exportPath, "The folder that it exports, by NFS 4.2 and without squashing root."),
            .required("path", \.path, .folder, "Where it is mounted, below a storage root of each of its hosts."),
        ])

    /// As a folder; an NFSv4 server may export its root, too.
    private static let exportPath = Form<String>.string(
        "an export", accepted: "write an absolute path without . or .. or // in it, such as /srv/disks",
        pattern: "^(/|\(Form<String>.folderPattern.dropFirst().dropLast()))$", limit: 1024,
        samples: ["/srv/other", "/srv/another"]
    ) { $0 == "/" || Form<String>.isFolder($0) }
}
