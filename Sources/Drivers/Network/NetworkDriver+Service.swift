public import Hosts
public import Model

extension NetworkDriver {
    /// Makes what is not there, and sets what is not as it is to be, of a network's DHCP and DNS: the files, the
    /// namespace, the pair that joins it to the bridge, its address, dnsmasq.
    ///
    /// More leases are read by the running dnsmasq; for all else it starts anew, since it would hold an address for the
    /// guest that had it before. It keeps no leases on disk, so nothing is lost.
    ///
    /// - Throws: `.surprise` when the bridge is not there, or a namespace or link that is not ours has a name we need.
    public func writeService(_ network: Network) async throws(HostError) {
        let id = try checkedID(of: network)
        let name = identity.serviceName(id)
        let mark = identity.linkAlias(ResourceID(.network, id))
        guard let wanted = network.status?.service, wanted.name == name, wanted.link == identity.serviceLinkName(id),
            let bridge = wanted.bridge, InterfaceName.isValid(bridge), let mac = wanted.mac,
            wanted.addresses.allSatisfy(Self.isAddress)
        else { throw .surprise("the plan has no DHCP for Network/\(id), or one of another name") }
        let files = try ServiceFiles(wanted, name: name, mark: mark)
        guard try await ours(bridge, "bridge", id) != nil else {
            throw .surprise("the bridge \(bridge), which DHCP's link joins, is not there")
        }
        let before = try await namespace(id)
        let isRead = before.isServed && before.configuration == files.configuration
        let isMore = Set(before.leases.split(separator: "\n")).isSubset(of: files.leases.split(separator: "\n"))
        if before.files != files { try await write(files, name) }
        try await makeNamespace(name, mark, isThere: before.links != nil)
        let isJoined = try await join(network, wanted, mac, before, id)
        if isRead, isMore, isJoined, before.files == files { return }
        try await script(
            ServiceScripts.serve, [name, files.digest, isRead && isMore && isJoined ? "reload" : "restart"])
    }

    /// Removes a network's DHCP and DNS. What is gone already is a success.
    ///
    /// - Throws: `.surprise` when a namespace or link that is not ours has its name.
    public func removeService(_ network: Network) async throws(HostError) {
        let id = try checkedID(of: network)
        let name = identity.serviceName(id)
        let before = try await namespace(id)
        try await script(ServiceScripts.remove, [name])
        let link = identity.serviceLinkName(id)
        let isLinked = try await ours(link, "veth", id) != nil
        try await removeStaged(for: link)
        try await batch(
            "ip", (isLinked ? ["link del dev \(link)"] : []) + (before.links == nil ? [] : ["netns del \(name)"]))
    }

    /// What there is of a network's DHCP and DNS.
    ///
    /// - Throws: `.surprise` when the namespace is there and not ours. One that is empty is ours if the files beside it
    ///   say so: they are written first.
    private func namespace(_ id: String) async throws(HostError) -> ServiceNamespace {
        let name = identity.serviceName(id)
        let mark = identity.linkAlias(ResourceID(.network, id))
        let found = try ServiceNamespace.parse(try await commands.ask(.text(namespaceCall([name]))))
        guard let found = found.first, found.name == name else {
            throw .unreadable("the host told of no namespace when asked for \(name)")
        }
        if found.isUnreadable { throw .unreadable("the namespace \(name) cannot be read") }
        guard found.links == nil || found.mark == mark || (found.isEmpty && found.isMarked(mark)) else {
            throw .surprise("the network namespace \(name) is there and not ours")
        }
        return found
    }

    private static func isAddress(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        return parts.count == 2 && IPAddress(parts[0]) != nil && (0...128).contains(Int(parts[1]) ?? -1)
    }

    private func write(_ files: ServiceFiles, _ name: String) async throws(HostError) {
        let texts = [files.configuration, files.leases, files.names].map { Array(($0 + "\n").utf8) }
        try await commands.run(
            "bash", ["-c", ServiceScripts.write, "infra", name] + texts.map { String($0.count) },
            input: .bytes(texts.flatMap(\.self)), underLock: true)
    }

    private func makeNamespace(_ name: String, _ mark: String, isThere: Bool) async throws(HostError) {
        if !isThere { try await batch("ip", ["netns add \(name)"]) }
        try await batch("ip", ["link set dev lo alias \(mark)", "link set dev lo up"], in: name)
    }

    /// Joins the namespace to the bridge; false when the end in it is a new one, or has another address.
    private func join(
        _ network: Network, _ wanted: Network.Service, _ mac: MACAddress, _ before: ServiceNamespace, _ id: String
    ) async throws(HostError) -> Bool {
        let (link, port) = (identity.serviceLinkName(id), ServiceNamespace.portName)
        let name = identity.serviceName(id)
        let seen = try await ours(link, "veth", id)
        let isWhole = seen != nil && before.port?.mac == mac
        if !isWhole {
            // With one end the other goes, whatever it is called.
            if before.port != nil { try await batch("ip", ["link del dev \(port)"], in: name) }
            if try await ours(link, "veth", id) != nil { try await batch("ip", ["link del dev \(link)"]) }
            try await removeStaged(for: link)
            let staged = link + Self.stagedSuffix
            try await batch(
                "ip",
                [
                    "link add name \(staged) mtu \(wanted.mtu) address \(identity.linkAddress(host: host, link: link))"
                        + " type veth peer name \(port) mtu \(wanted.mtu) address \(mac) netns \(name)",
                    finish(staged, link, id),
                ])
        }
        try await batch(
            "ip",
            [
                "link set dev \(link) mtu \(wanted.mtu) master \(wanted.bridge ?? "")", isolation(of: link),
                "link set dev \(link) up",
            ])
        let hasAddress = isWhole && before.port?.addresses == wanted.addresses
        try await batch(
            "ip",
            ["link set dev \(port) addrgenmode none mtu \(wanted.mtu)"]
                + (hasAddress ? [] : ["addr flush dev \(port)"] + wanted.addresses.map { "addr add \($0) dev \(port)" })
                + ["link set dev \(port) up"], in: name)
        if let tunnel = network.status?.tunnel, tunnel.bridge == wanted.bridge,
            let record = try await ours(tunnel.name, "vxlan", id), record.master == wanted.bridge, !record.isIsolated
        {
            try await batch("ip", [isolation(of: tunnel.name)])
        }
        return hasAddress
    }

    /// The line that keeps a bridge's port from exchanging frames with other isolated ones.
    func isolation(of link: String) -> String { "link set dev \(link) type bridge_slave isolated on" }

    private func batch(_ program: String, _ lines: [String], in namespace: String) async throws(HostError) {
        try await commands.run(
            program, ["-n", namespace, "-batch", "-"],
            input: .bytes(Array((lines.joined(separator: "\n") + "\n").utf8)),
            deadline: .seconds(30), underLock: true)
    }

    private func script(_ text: String, _ arguments: [String]) async throws(HostError) {
        try await commands.run("bash", ["-c", text, "infra"] + arguments, underLock: true)
    }
}

extension NetworkDriver {
    /// Tells of the namespaces of those names; of all that have a name of the form that ours have without any.
    func namespaceCall(_ names: [String]) -> CommandCall {
        CommandCall("bash", ["-c", ServiceScripts.list, "infra"] + names, outputLimit: 1 << 28, repairing: true)
    }

    /// DHCP and DNS as they were found, by the network's identity.
    func services(
        _ links: [LinkRecord], _ namespaces: [ServiceNamespace], _ unknown: inout [UnknownArea]
    ) -> [String: Network.Service] {
        var ends: [String: LinkRecord] = [:]
        var tunnels: [String: LinkRecord] = [:]
        for link in links {
            guard let resource = link.alias.flatMap({ identity.resource(inLinkAlias: $0) }), resource.kind == .network
            else { continue }
            if link.kind == "veth", link.name == identity.serviceLinkName(resource.id) { ends[resource.id] = link }
            if link.kind == "vxlan" { tunnels[resource.id] = link }
        }
        var found: [String: ServiceNamespace] = [:]
        for namespace in namespaces {
            guard let id = network(of: namespace) else { continue }
            found[id] = namespace
            guard namespace.isUnreadable else { continue }
            unknown.append(
                UnknownArea(
                    .network, resource: ResourceID(.network, id),
                    reason: "its namespace \(namespace.name) cannot be read"))
        }
        var services: [String: Network.Service] = [:]
        for id in Set(ends.keys).union(found.keys) {
            services[id] = service(id, ends[id], found[id], tunnels[id])
        }
        return services
    }

    private func service(
        _ id: String, _ end: LinkRecord?, _ found: ServiceNamespace?, _ tunnel: LinkRecord?
    ) -> Network.Service {
        let mark = identity.linkAlias(ResourceID(.network, id))
        let (options, leases, isWhole) = found.map { ServiceFiles.read($0, mark: mark) } ?? ([], [], false)
        let port = found?.port
        return Network.Service(
            name: found?.mark == mark ? found?.name : nil, link: end?.name, bridge: end?.master,
            mtu: end?.mtu == port?.mtu ? end?.mtu ?? 0 : 0, mac: port?.mac,
            isUp: end?.isUp == true && port?.isUp == true,
            isIsolated: end?.isIsolated == true && tunnel?.isIsolated != false, addresses: port?.addresses ?? [],
            options: options, leases: leases, isServing: isWhole && found?.isServed == true)
    }

    /// The network that a namespace, or the files beside one, are marked for.
    private func network(of namespace: ServiceNamespace) -> String? {
        let first = namespace.configuration.prefix { $0 != "\n" }
        let marks = [namespace.mark, first.hasPrefix("# ") ? String(first.dropFirst(2)) : nil]
        for resource in marks.compactMap({ $0.flatMap { identity.resource(inLinkAlias: $0) } }) {
            if resource.kind == .network, identity.serviceName(resource.id) == namespace.name { return resource.id }
        }
        return nil
    }
}

extension ServiceNamespace {
    fileprivate var files: ServiceFiles { ServiceFiles(found: self) }

    /// Whether dnsmasq runs and has read what the files say now.
    fileprivate var isServed: Bool { loaded == files.digest }

    /// Whether the files say that they are that network's.
    fileprivate func isMarked(_ mark: String) -> Bool { configuration.prefix { $0 != "\n" } == "# \(mark)" }
}
