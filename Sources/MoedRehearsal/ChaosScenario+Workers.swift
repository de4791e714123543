import MoedCore
import MoedHost
import MoedLocal
import MoedQueue

/// Scenarios of workers that die, stop renewing their lease, or come back.
extension ChaosScenario {
    static let workers: [ChaosScenario] = [
        ChaosScenario(
            "T1", "workers die at random points; size: deaths over ten times as many jobs", size: 200
        ) { trial in
            try await trial.database.enqueue(10 * trial.size)
            for _ in 0..<trial.size {
                let worker = try await SimulatedWorker.start(in: trial.database)
                try await worker.maintain()
                let fate = await trial.pick(0..<4)
                for _ in 0..<(1 + fate) {
                    _ = try await worker.claimNext(limit: 8)
                    if await trial.pick(0..<2) == 0 { try await worker.checkpointAll(tokens: 3) }
                    if await trial.pick(0..<3) > 0 { try await worker.completeAll() }
                }
                await worker.vanish()
                try await trial.database.lapse(worker.id)
            }
            try await trial.drain()
            await trial.check(
                try await trial.database.jobs(notIn: "succeeded") == 0, "not all jobs succeeded")
            await trial.note("\(trial.size) deaths, \(10 * trial.size) jobs succeeded")
        },
        ChaosScenario("T2", "a worker that slept past its lease wakes up; size: repetitions", size: 100) {
            trial in
            for _ in 0..<trial.size {
                try await trial.database.enqueue(4)
                let sleeper = try await SimulatedWorker.start(in: trial.database)
                let other = try await SimulatedWorker.start(in: trial.database)
                _ = try await sleeper.claimNext(limit: 4)
                try await trial.database.lapse(sleeper.id)
                let found = try await other.maintain()
                await trial.check(found.rescue.requeued == 4, "\(found.rescue.requeued) of 4 jobs rescued")
                _ = try await other.claimNext(limit: 4)
                if await trial.pick(0..<2) == 0 { try await other.completeAll() }
                let late = try await sleeper.tryEverything()
                await trial.check(late == 0, "\(late) late writes were taken")
                await trial.check(
                    try await sleeper.beat(idle: false) == false, "the dead worker's lease was renewed")
                try await other.completeAll()
                while try await other.answerNext(limit: 4) > 0 {}
                await sleeper.vanish()
                await other.vanish()
            }
            await trial.check(
                try await trial.database.jobs(notIn: "succeeded") == 0, "not all jobs succeeded")
        },
        ChaosScenario("T3", "rescue and completion at the same instant; size: repetitions", size: 1000) {
            trial in
            let rescuer = try await SimulatedWorker.start(in: trial.database)
            var completed = 0
            for _ in 0..<trial.size {
                try await trial.database.enqueue(1)
                let worker = try await SimulatedWorker.start(in: trial.database)
                _ = try await worker.claimNext(limit: 1)
                let job = await worker.held[0].id
                try await trial.database.lapse(worker.id)
                async let committed = worker.completeAll()
                async let found = rescuer.maintain()
                let (count, report) = (try await committed, try await found)
                completed += count
                let state = try await trial.database.state(job)
                await trial.check(
                    count == 1 ? state == "succeeded" && report.rescue.requeued == 0 : state == "queued",
                    "committed \(count), rescued \(report.rescue.requeued), then \(state)")
                await worker.vanish()
                while try await rescuer.answerNext(limit: 8) > 0 {}
            }
            await rescuer.vanish()
            await trial.note("the completion was first \(completed) times of \(trial.size)")
        },
        ChaosScenario("T8", "a job kills every worker that runs it; size: its batch mates", size: 31) {
            trial in
            try await trial.database.enqueue(trial.size + 1)
            var (poison, deaths): (JobID?, Int) = (nil, 0)
            while try await trial.database.jobs("queued") + trial.database.jobs("running") > 0, deaths < 50 {
                let worker = try await SimulatedWorker.start(in: trial.database)
                try await worker.maintain()
                while try await worker.claimNext(limit: 32) > 0 {
                    let held = await worker.held.map(\.id)
                    poison = poison ?? held.first
                    if held.contains(where: { $0 == poison }) { break }
                    try await worker.completeAll()
                }
                let isDead = await worker.held.contains { $0.id == poison }
                await worker.vanish()
                if isDead { try await trial.database.lapse(worker.id) }
                deaths += isDead ? 1 : 0
            }
            await trial.check(try await trial.database.jobs("failed") == 1, "the poisonous job alone fails")
            await trial.check(
                try await trial.database.jobs("succeeded") == trial.size, "all of its batch mates succeed")
            await trial.note("\(deaths) deaths")
        },
        ChaosScenario("T11", "eight workers, one job class of small jobs; size: jobs", size: 100_000) { trial in
            try await trial.database.enqueue(trial.size)
            let counts = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        let worker = try await SimulatedWorker.start(in: trial.database)
                        var (done, isOver) = (0, false)
                        while !isOver {
                            // A claim skips jobs that others are claiming at this instant. More jobs may be left.
                            let claimed = try await worker.claimNext(limit: 16)
                            if claimed == 0 { isOver = try await trial.database.jobs("queued") == 0 }
                            done += try await worker.completeAll()
                        }
                        await worker.vanish()
                        return done
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            await trial.check(
                counts.reduce(0, +) == trial.size, "\(counts.reduce(0, +)) of \(trial.size) answered")
            let mean = Double(trial.size) / 8
            let worst = counts.map { abs(Double($0) - mean) / mean }.max() ?? 0
            await trial.check(
                trial.size < 50_000 || worst <= 0.2, "one worker is \(HumanText.percent(worst)) off its share"
            )
            await trial.note("each worker within \(HumanText.percent(worst)) of its share")
        },
    ]
}
