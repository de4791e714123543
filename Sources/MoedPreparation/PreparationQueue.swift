package import MoedCore

/// Started jobs that wait for their preparation. Tenants take turns, so one tenant's long prompts delay its own jobs.
package struct PreparationQueue {
    /// One start of a job. A job that was stopped may be started again.
    package struct Entry: Equatable {
        package var job: RunnableJob
        /// Number of the start.
        package var start: Int
        package var bytes: Int { job.body?.utf8.count ?? 0 }

        package init(job: RunnableJob, start: Int) {
            self.job = job
            self.start = start
        }
    }

    /// Waiting jobs by tenant, each list in order of arrival and never empty.
    private var waiting: [Int: [Entry]] = [:]
    /// Tenants with waiting jobs; the first one's job is next.
    private var turns: [Int] = []
    /// Sum of the bytes of all waiting bodies.
    package private(set) var bytes = 0

    package init() {}

    package mutating func append(_ entry: Entry) {
        let tenant = entry.job.tenant
        if waiting[tenant] == nil { turns.append(tenant) }
        waiting[tenant, default: []].append(entry)
        bytes += entry.bytes
    }

    /// Takes the next job: the oldest one of the tenant whose turn it is.
    package mutating func next() -> Entry? {
        guard let tenant = turns.first else { return nil }
        turns.removeFirst()
        guard var entries = waiting.removeValue(forKey: tenant), !entries.isEmpty else { return nil }
        let entry = entries.removeFirst()
        if !entries.isEmpty {
            waiting[tenant] = entries
            turns.append(tenant)
        }
        bytes -= entry.bytes
        return entry
    }

    /// Removes jobs and frees their bodies.
    package mutating func remove(_ jobs: Set<JobID>) {
        for (tenant, entries) in waiting {
            let kept = entries.filter { !jobs.contains($0.job.id) }
            guard kept.count < entries.count else { continue }
            bytes -= entries.reduce(0) { $0 + $1.bytes } - kept.reduce(0) { $0 + $1.bytes }
            waiting[tenant] = kept.isEmpty ? nil : kept
        }
        turns.removeAll { waiting[$0] == nil }
    }
}
