import MoedCore
import MoedHost
import MoedLocal
import MoedQueue
import Synchronization

/// Scenarios that break connections.
extension ChaosScenario {
    static let connections: [ChaosScenario] = [
        ChaosScenario("T4", "the connection is cut while an answer is written; size: repetitions", size: 200)
        { trial in
            var (unknown, already) = (0, 0)
            for _ in 0..<trial.size {
                try await trial.database.enqueue(8)
                var worker = try await SimulatedWorker.start(in: trial.database)
                _ = try await worker.claimNext(limit: 8)
                let jobs = await worker.held
                let delay = Duration.microseconds(await trial.pick(0..<12_000))
                let victim = worker
                async let written = try? await victim.completeAll()
                try await Task.sleep(for: delay)
                try await trial.database.cutConnections(limit: 100)
                let isKnown = await written != nil
                unknown += isKnown ? 0 : 1
                await worker.vanish()
                // The write is repeated on another connection, as in the daemon. A received answer counts as lost,
                // too: a cut between commit and answer is too rare to wait for.
                worker = try await SimulatedWorker.start(in: trial.database)
                let answers = try await worker.complete(jobs)
                await trial.check(
                    answers.allSatisfy { $0 == .already || !isKnown && $0 == .committed },
                    "repeated: \(answers)")
                already += answers.contains(.already) ? 1 : 0
                await worker.vanish()
            }
            await trial.check(
                try await trial.database.jobs(notIn: "succeeded") == 0, "not all jobs succeeded")
            await trial.note(
                "\(unknown) connections cut in time, \(already) writes had been committed before they were repeated"
            )
        },
        ChaosScenario("T6", "connections are cut five times a second; size: seconds", size: 60) { trial in
            let clock = ContinuousClock()
            let end = clock.now + .seconds(trial.size)
            let workers = try (0..<3).map { _ in
                try WholeWorker(in: trial.database, room: 8, drains: false)
            }
            let running = workers.map { worker in Task { try await worker.run() } }
            var cut = 0
            while clock.now < end {
                try await trial.database.enqueue(40)
                cut += try await trial.database.cutConnections(limit: 1)
                try await Task.sleep(for: .milliseconds(200))
            }
            for worker in workers { await worker.stop() }
            for task in running { try await task.value }
            try await trial.database.lapseAll()
            try await trial.drain()
            await trial.check(
                try await trial.database.jobs(notIn: "succeeded") == 0, "not all jobs succeeded")
            await trial.note(
                "\(cut) cut, \(try await trial.database.jobs("succeeded")) jobs succeeded"
            )
        },
        ChaosScenario("T12", "an idle worker is woken; size: inserts", size: 1000) { trial in
            let worker = try await SimulatedWorker.start(in: trial.database)
            let sample = try await worker.timesToWake(trial.size, in: trial.database)
            await worker.vanish()
            let (half, most) = (sample.median * 1000, sample.quantile(0.99) * 1000)
            await trial.note("p50 \(HumanText.figure(half)) ms, p99 \(HumanText.figure(most)) ms")
        },
        ChaosScenario(
            "T13", "64 clients commit single jobs beside a busy worker; size: jobs of each", size: 200,
            connections: 70
        ) { trial in
            let worker = try await SimulatedWorker.start(in: trial.database)
            try await worker.beat(idle: false)
            let areDone = Atomic(false)
            async let clients: Void = {
                defer { areDone.store(true, ordering: .relaxed) }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<64 { group.addTask { try await trial.database.enqueueOneByOne(trial.size) } }
                    try await group.waitForAll()
                }
            }()
            var (samples, waits) = (0, 0)
            while !areDone.load(ordering: .relaxed) {
                waits += try await trial.database.notifyWaits()
                samples += 1
            }
            try await clients
            await trial.check(waits == 0, "\(waits) clients waited for NOTIFY's lock, in \(samples) looks")
            while try await worker.answerNext(limit: 64) > 0 {}
            await worker.vanish()
            await trial.note("\(samples) looks, \(waits) waits for NOTIFY's lock")
        },
    ]
}
