import Foundation
import GitRepository
import Testing

/// What other suites do with less. `make campaign`.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["INFRA_CAMPAIGN"] != nil, "run by make campaign"), .serialized)
struct GitCampaign {
    @Test func nothingGrowsForLong() async throws { try await Growth.run(polls: 10_000, commits: 500) }

    @Test func nothingGrowsForLongOverSSH() async throws { try await Growth.overSSH(polls: 10_000, commits: 500) }

    @Test func nothingGrowsForLongOverHTTPS() async throws { try await Growth.overHTTPS(polls: 10_000, commits: 500) }

    @Test("hostile git: an object of few megabytes that inflates to a GiB")
    func aGibibyteInFewMegabytes() async throws { try await GitRepositoryTests.refusesAnObject(of: 1 << 30) }
}
