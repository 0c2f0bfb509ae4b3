import Manifests
import Planning

extension Plan {
    /// The plan with the places in the manifests that its problems are about.
    func placed(in sources: SourceIndex) -> Plan {
        var plan = self
        plan.problems = plan.problems.map { $0.placed(in: sources) }
        for index in plan.blocked.indices {
            plan.blocked[index].problem = plan.blocked[index].problem?.placed(in: sources)
        }
        return plan
    }
}
