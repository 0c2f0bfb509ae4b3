struct DoctorFinding: Encodable {
    enum Severity: String, Encodable { case ok, warning, problem; var word: String { rawValue } }
    var severity: Severity
    var what: String
    var mend: String?
}
enum Doctor { static func examine(storageRoots: [String]) async -> [DoctorFinding] { [] } }
