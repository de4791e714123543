package import MoedBatching
package import MoedCore
import MoedHost

/// Jobs of a remote runner: which request is sent where, what its end means, when a job ends or goes back.
///
/// A value without clock, network and threads. The runner hands events over and carries out the actions.
package struct RemoteJobs: Sendable {
    package enum Action: Sendable, Equatable {
        case send(Int, TransportRequest)
        /// Closes the connection of a request; its events are ignored.
        case close(Int)
        case report(RunnerEvent)
        case log(Remark)
    }

    /// A line for the log.
    package struct Remark: Sendable, Equatable {
        package var isWarning: Bool
        package var text: String
    }

    /// Settings of all endpoints of a runner.
    package struct Rules: Sendable {
        package var vocabularySize: Int
        package var endIDs: Set<TokenID>
        /// A few tokens that probes continue.
        package var probePrompt: [TokenID]
        /// Maximum time without a new token, once the first one has arrived.
        package var idleMax = Duration.seconds(60)
        /// Maximum time until the first token.
        package var firstTokenMax = Duration.seconds(600)
        /// Maximum time of a probe's request.
        package var probeMax = Duration.seconds(30)
        /// Time that a job waits here for an endpoint; later it goes back to the queue.
        package var patience = Duration.seconds(5)

        package init(vocabularySize: Int, endIDs: Set<TokenID>, probePrompt: [TokenID]) {
            self.vocabularySize = vocabularySize
            self.endIDs = endIDs
            self.probePrompt = probePrompt
        }
    }

    /// A choice of a job that waits for a request, or has one.
    struct Place: Hashable, Sendable {
        var job: JobID
        var choice: Int
    }

    struct Running: Sendable {
        var job: SegmentedJob
        /// Number of the claim, part of the names of requests.
        var attempt: Int64
        var segments = 0
        /// Requests in a row that broke without a new token.
        var broken = 0
        /// Endpoint of the last request, by choice.
        var last: [Int: Int] = [:]
    }

    struct Flight: Sendable {
        enum Purpose: Sendable {
            case segment(Place, SegmentReader)
            case probe(Probe)
            case load(LoadReading.Reader)
        }
        var purpose: Purpose
        var endpoint: Int
        var began: Duration
        /// Time of the last new token; nil before the first.
        var lastToken: Duration?
        /// True when the choice needs no more tokens of this request, and only its end is read.
        var isOver = false
    }

    /// Requests in a row without a new token that end an attempt.
    static let brokenMax = 3

    let rules: Rules
    package internal(set) var endpoints: [EndpointState]
    var jobs: [JobID: Running] = [:]
    var waiting: [Place] = []
    /// Time since which no endpoint could take the waiting choices.
    var stuckSince: Duration?
    var flights: [Int: Flight] = [:]
    private var lastTicket = 0
    var random: SplitMix
    var checkpoints: CheckpointSchedule
    /// Tokens that the longest request has received since the beginning; it paces checkpoints.
    var rounds = 0
    package internal(set) var tokensReceived = 0

    package init(_ endpoints: [Endpoint], rules: Rules, checkpoints: CheckpointSchedule, seed: UInt64) {
        self.endpoints = endpoints.map(EndpointState.init)
        self.rules = rules
        self.checkpoints = checkpoints
        random = SplitMix(seed: seed)
    }

    /// Number of jobs that could start now.
    package var room: Int { max(0, endpoints.reduce(0) { $0 + $1.room } - waiting.count) }
    package var jobCount: Int { jobs.count }
    package var requestsInFlight: Int { endpoints.reduce(0) { $0 + $1.inFlight } }

    /// Longest context of the endpoints that have told theirs; nil while none has.
    package var contextLength: Int? {
        let known = endpoints.compactMap(\.facts)
        return known.contains { $0.contextLength == nil } ? nil : known.compactMap(\.contextLength).max()
    }

    mutating func nextTicket() -> Int {
        lastTicket += 1
        return lastTicket
    }

    // MARK: Jobs come and go

    /// Adds a job. A job that is here already starts again: its worker may have been declared dead.
    package mutating func submit(_ task: GenerationTask, attempt: Int64, now: Duration) -> [Action] {
        var actions = forget(task.job)
        let running = Running(job: SegmentedJob(task), attempt: attempt)
        jobs[task.job] = running
        waiting += running.job.openChoices.map { Place(job: task.job, choice: $0) }
        if running.job.isFinished { actions += finish(task.job) }
        return actions + dispatch(now)
    }

    /// Stops jobs without a result. Unknown jobs have ended already.
    package mutating func stop(_ ids: [JobID], now: Duration) -> [Action] {
        var actions: [Action] = []
        var wasted: [JobID: Usage] = [:]
        for id in ids {
            guard let running = jobs[id] else { continue }
            wasted[id] = running.job.wasted
            actions += forget(id)
        }
        if !wasted.isEmpty { actions.append(.report(.stopped(wasted))) }
        return actions + dispatch(now)
    }

    /// Reports all proven tokens, then stops all jobs and probes.
    package mutating func interrupt() -> [Action] {
        var actions = reportProgress()
        let ids = jobs.keys.sorted()
        if !ids.isEmpty {
            actions.append(
                .report(.stopped(Dictionary(uniqueKeysWithValues: ids.map { ($0, jobs[$0]?.job.wasted ?? Usage()) }))))
        }
        actions += flights.keys.sorted().map { .close($0) }
        (jobs, waiting, flights) = ([:], [], [:])
        for index in endpoints.indices { endpoints[index].inFlight = 0 }
        return actions
    }

    /// Removes a job and closes its requests.
    mutating func forget(_ id: JobID) -> [Action] {
        guard jobs.removeValue(forKey: id) != nil else { return [] }
        waiting.removeAll { $0.job == id }
        var actions: [Action] = []
        for (ticket, flight) in flights.sorted(by: { $0.key < $1.key }) {
            guard case .segment(let place, _) = flight.purpose, place.job == id else { continue }
            actions.append(close(ticket))
        }
        return actions
    }

    /// Ends a request from this side.
    mutating func close(_ ticket: Int) -> Action {
        if let flight = flights.removeValue(forKey: ticket), case .segment = flight.purpose {
            endpoints[flight.endpoint].inFlight -= 1
        }
        return .close(ticket)
    }

    /// Reports a job's result when all its choices have ended and no request of it is left to be read.
    mutating func finish(_ id: JobID) -> [Action] {
        let isRead = !flights.values.contains { flight in
            if case .segment(let place, _) = flight.purpose { place.job == id } else { false }
        }
        guard isRead, let result = jobs[id]?.job.result() else { return [] }
        return forget(id) + [.report(.finished(id, result))]
    }

    mutating func reportProgress() -> [Action] {
        var unproven: [JobID: Set<Int>] = [:]
        for flight in flights.values {
            guard case .segment(let place, let reader) = flight.purpose, !reader.isProven else { continue }
            unproven[place.job, default: []].insert(place.choice)
        }
        var pieces: [OutputPiece] = []
        for id in jobs.keys.sorted() {
            pieces += jobs[id]?.job.takeProgress(unproven: unproven[id] ?? []) ?? []
        }
        return pieces.isEmpty ? [] : [.report(.progressed(pieces))]
    }
}
