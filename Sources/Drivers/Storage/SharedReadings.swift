import Hosts
import Synchronization

/// What steps that work on one host at the same time ask of it together.
final class SharedReadings: Sendable {
    /// Our pools, by identity.
    let pools = SharedReading<[String: StoragePoolRecord]>("listing the pools")
    /// Volume groups and what is in them.
    let groups = SharedReading<LVMReport>("asking LVM")

    private let folders = Mutex<[String: SharedReading<[String: String]>]>([:])

    /// The files in a folder that are layers, by what they are layers over.
    func layers(in folder: String) -> SharedReading<[String: String]> {
        folders.withLock { folders in
            if let known = folders[folder] { return known }
            let new = SharedReading<[String: String]>("reading a pool's folder")
            folders[folder] = new
            return new
        }
    }
}
