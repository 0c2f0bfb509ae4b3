import Hosts
public import Model

extension SecretSource {
    /// Fills in the digest of every secret, each read once. Problems are told about the field, and its secret stays
    /// without a digest, so the machine is blocked.
    /// - Parameter source: Where values come from; what it does not cover is left alone.
    public static func fill(
        _ manifest: FleetManifest, from source: SecretSource?
    ) async -> (FleetManifest, [Diagnostic]) {
        guard let source else { return (manifest, []) }
        var found: [SecretReference: Result<Found, Unusable>] = [:]
        for secret in Set(manifest.machines.flatMap { $0.spec.cloudInit?.secrets.map(\.secret) ?? [] }) {
            guard source.covers(secret) else { continue }
            do throws(Unusable) {
                found[secret] = .success(try await source.find(secret, fleet: manifest))
            } catch {
                found[secret] = .failure(error)
            }
        }
        var manifest = manifest
        let diagnostics = problems(of: manifest) { found[$0] }
        for index in manifest.machines.indices {
            manifest.machines[index].spec.cloudInit?.setDigests { try? found[$0]?.get().digest }
        }
        return (manifest, diagnostics)
    }

    /// Looks whether every secret that is in a file can be used, without reading any that is encrypted.
    public func check(_ manifest: FleetManifest) -> [Diagnostic] {
        Self.problems(of: manifest) { secret in
            guard let file = secret.file, let folder else { return nil }
            return Result { () throws(Unusable) in
                Found(digest: "", isPassword: try Self.read(file, in: folder).password != nil)
            }
        }
    }

    /// `user-data` of a seed with the values of its secrets.
    /// - Throws: `.surprise` when one is not what it was when the plan was made, or cannot be had.
    static func userData(
        of contents: SeedContents, from source: SecretSource?, fleet: FleetManifest
    ) async throws(HostError) -> String {
        var values: [SecretReference: SecretValue] = [:]
        for secret in contents.secrets where values[secret] == nil {
            guard let source else { throw .surprise("there is no source for the \(secret.described)") }
            do throws(Unusable) {
                let value = try await source.value(of: secret)
                guard let digest = secret.digest, try source.digested(value, secret, fleet) == digest else {
                    throw Unusable(why: "changed since the plan was made; plan again")
                }
                values[secret] = value
            } catch {
                throw .surprise("the \(secret.described) \(error.why)")
            }
        }
        return try contents.userData(
            hash: { secret throws(HostError) in
                guard let password = values[secret]?.password, let hash = PasswordHash.shadow(password) else {
                    throw .surprise("the \(secret.described) makes no password")
                }
                return hash
            }, text: { secret throws(HostError) in values[secret]?.text ?? "" })
    }

    private struct Found {
        var digest: String
        var isPassword: Bool
    }

    private func find(_ secret: SecretReference, fleet: FleetManifest) async throws(Unusable) -> Found {
        let value = try await value(of: secret)
        return Found(digest: try digested(value, secret, fleet), isPassword: value.password != nil)
    }

    private func digested(
        _ value: SecretValue, _ secret: SecretReference, _ fleet: FleetManifest
    ) throws(Unusable) -> String {
        let digest = digests.digest(of: value, secret) {
            PasswordHash.digest(of: Array(value.text.utf8), secret, fleet: fleet.fleet.uuid)
        }
        guard let digest else { throw Unusable(why: "has no digest: libcrypt here does not know yescrypt") }
        return digest
    }

    private static func problems(
        of manifest: FleetManifest, _ found: (SecretReference) -> Result<Found, Unusable>?
    ) -> [Diagnostic] {
        var diagnostics: [Diagnostic] = []
        for machine in manifest.machines {
            for (field, secret) in machine.spec.cloudInit?.secrets ?? [] {
                let why: String
                switch found(secret) {
                case nil: continue
                case .failure(let error): why = error.why
                case .success(let found):
                    guard field.hasPrefix("users["), !found.isPassword else { continue }
                    why = "is no password: one line of at most \(passwordLimit) bytes, without control characters"
                }
                let path = "spec.cloudInit.\(field).\(secret.file == nil ? "age" : "file")"
                diagnostics.append(
                    Diagnostic(
                        code: "secret", "\(path): \(secret.described) \(why)",
                        resource: ResourceID(.virtualMachine, machine.metadata.identity), field: path))
            }
        }
        return diagnostics
    }
}
