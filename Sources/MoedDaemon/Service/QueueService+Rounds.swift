import Logging
import MoedBatching
import MoedCore
import MoedHost
import MoedQueue

extension QueueService {
    func ensureRegistered(_ store: JobStore) async throws {
        guard worker == nil else { return }
        let asked = now
        worker = try await store.registerWorker(
            WorkerRegistration(
                host: Host.name, pid: Host.processID, version: Version.text, models: models,
                lease: settings.queue.lease))
        renewedAt = asked
        _ = try await store.rescue()
    }

    func unregister(_ store: JobStore) async throws {
        guard let worker else { return }
        try await store.unregister(worker)
        self.worker = nil
    }

    /// With a free slot an enqueue is worth a notification.
    var isIdle: Bool { inference.snapshot.slotsFree > jobs.preparingCount }

    /// Renews the lease, at once when the worker becomes idle or busy.
    ///
    /// A worker that was taken for dead gives up what it runs and registers anew. What it had finished is still
    /// written: the lease tokens decide.
    func beat(_ store: JobStore) async throws {
        guard let worker else { return }
        // What came before the beat was not notified.
        if isIdle, !wasIdle { backlog.forget() }
        wasIdle = isIdle
        let asked = now
        let beat = WorkerBeat(lease: settings.queue.lease, idle: isIdle, running: jobs.count)
        if try await store.beat(worker, beat) {
            renewedAt = asked
        } else {
            log.warning(
                "this worker was taken for dead: its \(jobs.count) jobs are others' now; registering again")
            inference.stop(jobs.takeLeases().map(\.job))
            self.worker = nil
            return try await ensureRegistered(store)
        }
    }

    /// Gives back what the database takes for ours and we know nothing of: claimed, or released, by a statement whose
    /// answer was lost with the connection. As long as this worker lives, nobody else would.
    func releaseUnknown(_ store: JobStore) async throws {
        guard let worker, now >= nextReconciliation else { return }
        let owned = jobs.owned
        let unknown = try await store.leases(of: worker).filter { !owned.contains($0) }
        if !unknown.isEmpty {
            log.notice("gave back \(unknown.count) jobs whose claim was answered by nobody")
            _ = try await store.release(unknown.map { JobRelease(lease: $0) })
        }
        nextReconciliation = now + .seconds(30)
    }

    /// Stops what users have cancelled and what is past its deadline.
    func stopUnwanted(_ store: JobStore) async throws {
        guard let worker, jobs.count > 0 else { return }
        giveUp(try await store.toBeStopped(worker))
    }

    /// Keeps new tokens of running jobs; those that the answer does not name are not ours to continue.
    func writeCheckpoints(_ store: JobStore) async throws {
        let checkpoints = jobs.checkpointsToWrite
        guard !checkpoints.isEmpty else { return jobs.checkpointsWritten() }
        let held = try await store.checkpoint(checkpoints, computedBy: computedBy)
        jobs.checkpointsWritten()
        giveUp(Set(checkpoints.map(\.lease.job)).subtracting(held).sorted())
    }

    /// Stops jobs that were cancelled, came too late or were taken from this worker; what was generated is booked as
    /// wasted.
    private func giveUp(_ ids: [JobID]) { inference.stop(ids.filter { jobs.giveUp($0, at: now) }) }

    /// Releases jobs that were given up.
    private func writeReleases(_ store: JobStore) async throws {
        let releases = jobs.releases
        guard !releases.isEmpty else { return }
        let dispositions = try await store.release(releases)
        jobs.written(releases: releases.count)
        for (release, disposition) in zip(releases, dispositions) {
            log.notice(
                disposition == .stale
                    ? "job taken over by another worker" : "job stopped: cancelled, or past its deadline",
                metadata: ["job_id": "\(release.lease.job)", "event": "stopped"])
        }
    }

    func maintain(_ store: JobStore) async throws {
        let found = try await store.maintain()
        let rescue = found.rescue
        if rescue.workers > 0 {
            log.warning(
                "\(rescue.workers) workers died: \(rescue.requeued) jobs queued again, \(rescue.failed) failed"
            )
        }
        if found.expired > 0 { log.notice("\(found.expired) jobs were not started before their deadline") }
        if found.refused > 0 {
            log.notice("\(found.refused) jobs ask for a model that no worker has ever served")
        }
        report.update { $0.failed += found.expired + found.refused }
        try await prune(store)
    }

    /// Deletes what is older than the retention, a portion a round, so that no statement takes long.
    private func prune(_ store: JobStore) async throws {
        guard settings.queue.retention > .zero, now >= nextPruning else { return }
        let pruned = try await store.prune(olderThan: settings.queue.retention)
        if pruned > 0 {
            log.info("pruned \(pruned) jobs that ended more than \(settings.queue.retention) ago")
        }
        if pruned < JobStore.rowsPerStatementMax { nextPruning = now + .seconds(60) }
    }

    /// Claims for every free slot, group by group as the policy says.
    func claim(_ store: JobStore) async throws {
        guard let worker else { return }
        let policy = GroupPolicy(maxWait: settings.queue.maxWait)
        var exhausted: Set<JobGroup> = []
        var isFresh = false
        var free = inference.snapshot.slotsFree - jobs.preparingCount
        while free > 0 {
            if backlog.needsLook(now: now) {
                let asked = now
                backlog.looked(try await store.backlog(models: models), from: asked, to: now)
                isFresh = true
            }
            let open = backlog.groups.filter { !exhausted.contains($0.group) }
            guard let group = policy.next(after: currentGroup, among: open),
                let waiting = open.first(where: { $0.group == group })
            else { break }
            let isQuarantine = group.bucket == JobGroup.quarantine
            // A suspect runs alone: it waits until the batch is empty, and the batch until it has ended.
            if jobs.runsAlone || (isQuarantine && jobs.count > 0) { break }
            let limit = isQuarantine ? 1 : min(free, settings.queue.claimMax)
            let claimed = try await store.claim(
                worker, waiting, limit: limit, maxWait: settings.queue.maxWait, computedBy: computedBy)
            backlog.claimed(claimed, of: limit, in: group)
            if claimed.isEmpty {
                // Heads of an older look may be empty: the claim that came short calls for another one.
                if isFresh { exhausted.insert(group) }
                continue
            }
            currentGroup = group
            free -= claimed.count
            for job in claimed {
                jobs.claimed(job, at: now)
                jobsToPrepare.yield(job)
            }
            log.debug("claimed \(claimed.count) jobs of \(group.mode.rawValue), bucket \(group.bucket)")
        }
        report.update {
            $0.queued = backlog.queued
            $0.isQueuedAtLeast = backlog.isAtLeast
            $0.group = currentGroup
        }
    }

    /// Writes results and failures; what the database confirmed is forgotten, a fenced-off write is only logged.
    func writeOutcomes(_ store: JobStore) async throws {
        try await writeReleases(store)
        guard jobs.hasWrites else { return }
        let (completions, failures) = (jobs.completions, jobs.failures)
        var dispositions: [(JobLease, Disposition)] = []
        if !completions.isEmpty {
            dispositions += zip(completions.map(\.lease), try await store.complete(completions))
        }
        if !failures.isEmpty { dispositions += zip(failures.map(\.lease), try await store.fail(failures)) }
        jobs.written(completions: completions.count, failures: failures.count)
        for (lease, disposition) in dispositions {
            let metadata: Logger.Metadata = ["job_id": "\(lease.job)", "event": "write"]
            switch disposition {
            case .committed, .already: break
            case .stale: log.warning("the job was another worker's by the time it ended", metadata: metadata)
            case .refused(let error):
                log.error("the database refuses the result: \(error)", metadata: metadata)
                if completions.contains(where: { $0.lease == lease }) {
                    jobs.resultRefused(lease, "\(error)")
                } else if let failure = failures.first(where: { $0.lease == lease }) {
                    jobs.postpone(failure)
                }
            }
        }
    }
}
