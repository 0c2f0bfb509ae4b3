import Foundation
import Model
import Planning
import TestSupport

/// Places machines, for figures: how the time grows with the fleet, and what another allocator's cases come to.
///
///     BenchmarkPlacement scale RUNS MACHINES HOSTS    → median milliseconds from empty hosts, machines placed
///     BenchmarkPlacement case FILE                    → the host of each machine of the case, one a line, and milliseconds
@main
enum BenchmarkPlacement {
    private struct Refused: Error, CustomStringConvertible {
        let description: String
    }

    static func main() throws {
        let arguments = CommandLine.arguments
        if arguments.count == 5, arguments[1] == "scale", let runs = Int(arguments[2]),
            let machines = Int(arguments[3]),
            let hosts = Int(arguments[4])
        {
            try scale(runs, GeneratedFleet.racks(machines: machines, hosts: hosts))
        } else if arguments.count == 3, arguments[1] == "case" {
            try answer(try JSONDecoder().decode(Case.self, from: Data(contentsOf: URL(filePath: arguments[2]))))
        } else {
            throw Refused(description: "usage: BenchmarkPlacement scale RUNS MACHINES HOSTS | case FILE")
        }
    }

    private static func scale(_ runs: Int, _ fleet: (FleetManifest, [String: HostInventory])) throws {
        let (manifest, observed) = fleet
        var times: [Duration] = []
        for _ in 0..<runs {
            let start = ContinuousClock.now
            let placement = Placement(manifest, observed: observed)
            times.append(ContinuousClock.now - start)
            guard placement.problems.isEmpty, placement.placed.count == manifest.machines.count else {
                throw Refused(description: placement.problems.first.map { "\($0)" } ?? "not all were placed")
            }
        }
        print(milliseconds(times.sorted()[times.count / 2]), manifest.machines.count)
    }

    private static func answer(_ asked: Case) throws {
        let (manifest, observed) = asked.fleet
        let start = ContinuousClock.now
        let hosts = Placement(manifest, observed: observed).hosts
        let time = ContinuousClock.now - start
        for machine in asked.machines { print(machine.name, hosts[machine.name] ?? "-") }
        print("milliseconds", milliseconds(time))
    }

    private static func milliseconds(_ duration: Duration) -> String {
        let seconds = Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
        return String(format: "%.2f", seconds * 1000)
    }
}
