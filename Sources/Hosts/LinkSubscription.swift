import CLibvirt
import Foundation
import Synchronization

/// The kernel's word on links of this machine's network namespace: a netlink socket in the group `RTMGRP_LINK`
/// (rtnetlink(7)), read by libvirt's event loop. No process, no thread, and nothing to do while no link changes.
final class LinkSubscription: Sendable {
    /// What one message may hold at most; the kernel's are smaller.
    private static let messageLimit = 1 << 16

    /// What the loop hands back with each call.
    private final class Socket: Sendable {
        let descriptor: Int32
        let target: HostEventTarget

        init(descriptor: Int32, target: HostEventTarget) {
            self.descriptor = descriptor
            self.target = target
        }

        deinit { close(descriptor) }
    }

    private let loop: LibvirtEventLoop
    private let watch: Mutex<Int32?>

    /// Listens from now on.
    /// - Throws: `HostError.unreachable` when the kernel gives no such socket.
    init(target: HostEventTarget) throws(HostError) {
        guard let loop = LibvirtLibrary.eventLoop else { throw .surprise("there is no event loop") }
        let descriptor = Foundation.socket(
            AF_NETLINK, Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), NETLINK_ROUTE)
        guard descriptor >= 0 else { throw .unreachable("netlink: \(String(cString: strerror(errno)))") }
        let socket = Socket(descriptor: descriptor, target: target)
        var address = sockaddr_nl()
        address.nl_family = sa_family_t(AF_NETLINK)
        address.nl_groups = UInt32(RTMGRP_LINK)
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_nl>.size))
            }
        }
        guard bound == 0 else { throw .unreachable("netlink: \(String(cString: strerror(errno)))") }
        self.loop = loop
        let number = loop.addHandle(
            descriptor, Int32(bitPattern: VIR_EVENT_HANDLE_READABLE.rawValue),
            { _, _, _, context in
                guard let context else { return }
                LinkSubscription.read(Unmanaged<Socket>.fromOpaque(context).takeUnretainedValue())
            }, Unmanaged.passRetained(socket).toOpaque(),
            { context in
                guard let context else { return }
                Unmanaged<Socket>.fromOpaque(context).release()
            })
        watch = Mutex(number)
    }

    /// Ends it; the loop closes the socket between two callbacks.
    func cancel() {
        guard let number = watch.withLock({ $0.take() }) else { return }
        _ = loop.removeHandle(number)
    }

    private static func read(_ socket: Socket) {
        var buffer = [UInt8](repeating: 0, count: messageLimit)
        while true {
            let count = recv(socket.descriptor, &buffer, buffer.count, 0)
            if count < 0 {
                // The kernel dropped messages for want of room.
                if errno == ENOBUFS { socket.target.yield(.overflowed) }
                if errno == EINTR || errno == ENOBUFS { continue }
                return
            }
            guard count > 0 else { return }
            for event in LinkMessage.events(buffer.prefix(count)) { socket.target.yield(event) }
        }
    }
}

/// Messages of netlink(7) about links.
enum LinkMessage {
    /// What the messages in a datagram say. What is no message about a link is skipped.
    static func events(_ bytes: ArraySlice<UInt8>) -> [HostEvent] {
        var events: [HostEvent] = []
        bytes.withUnsafeBytes { bytes in
            var offset = 0
            while let header = load(nlmsghdr.self, bytes, offset) {
                let length = Int(header.nlmsg_len)
                guard length >= MemoryLayout<nlmsghdr>.size, offset + length <= bytes.count else { return }
                let kind = Int(header.nlmsg_type)
                let message = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length])
                if kind == RTM_NEWLINK || kind == RTM_DELLINK, let name = name(message) {
                    // A bridge tells so that a port left it; the link stays.
                    let info = load(ifinfomsg.self, message, aligned(MemoryLayout<nlmsghdr>.size))
                    let isOfBridge = info.map { Int32($0.ifi_family) == AF_BRIDGE } ?? false
                    events.append(.link(name: name, isThere: kind == RTM_NEWLINK || isOfBridge))
                }
                offset += aligned(length)
            }
        }
        return events
    }

    /// The attribute `IFLA_IFNAME` behind the `ifinfomsg`.
    private static func name(_ message: UnsafeRawBufferPointer) -> String? {
        var offset = aligned(MemoryLayout<nlmsghdr>.size) + aligned(MemoryLayout<ifinfomsg>.size)
        while let attribute = load(rtattr.self, message, offset) {
            let length = Int(attribute.rta_len)
            guard length >= MemoryLayout<rtattr>.size, offset + length <= message.count else { return nil }
            if Int(attribute.rta_type) == Int(IFLA_IFNAME) {
                let text = message[offset + MemoryLayout<rtattr>.size..<offset + length].prefix { $0 != 0 }
                return String(decoding: text, as: UTF8.self)
            }
            offset += aligned(length)
        }
        return nil
    }

    private static func load<Value: BitwiseCopyable>(
        _ type: Value.Type, _ bytes: UnsafeRawBufferPointer, _ offset: Int
    ) -> Value? {
        guard offset + MemoryLayout<Value>.size <= bytes.count else { return nil }
        return bytes.loadUnaligned(fromByteOffset: offset, as: Value.self)
    }

    private static func aligned(_ length: Int) -> Int { (length + 3) & ~3 }
}
