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
        package var policy = RoutingPolicy.failover

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

    /// Tenant of a job, and whether its jobs may go to endpoints outside of the house.
    package struct Owner: Sendable, Equatable {
        package var tenant: String
        package var mayLeave: Bool

        package init(tenant: String = "", mayLeave: Bool = true) {
            (self.tenant, self.mayLeave) = (tenant, mayLeave)
        }
    }

    struct Running: Sendable {
        var job: SegmentedJob
        /// Number of the claim, part of the names of requests.
        var attempt: Int64
        var owner: Owner
        /// Deadline of the job; nil without one.
        var dueAt: Duration?
        var segments = 0
        /// Requests in a row that broke without a new token.
        var broken = 0
        /// The answers, where endpoints at the level of chats give them.
        var chat: ChatJob
        /// Level of its requests; nil while it may have either.
        var level: Endpoint.API?
        /// Requests that run or wait to be recorded.
        var requests = 0
        /// Endpoint of the last request, by choice.
        var last: [Int: Int] = [:]

        init(_ task: GenerationTask, attempt: Int64, owner: Owner) {
            (job, chat, self.attempt, self.owner) = (SegmentedJob(task), ChatJob(task), attempt, owner)
            level = hasTokens ? .tokens : nil
        }

        private var hasTokens: Bool {
            !job.task.saved.isEmpty || (0..<job.task.choices).contains { job.position(of: $0) > 0 }
        }

        /// Records the end of a request. Without tokens and answers, either level may begin.
        mutating func requestEnded() {
            requests -= 1
            if requests == 0, chat.isEmpty, !hasTokens { level = nil }
        }

        func result() -> GenerationResult? { level == .chat ? chat.result() : job.result() }
    }

    struct Flight: Sendable {
        enum Purpose: Sendable {
            case segment(Place, SegmentReader)
            case chat(Place, ChatReader)
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
        /// Choice of a job that it is for; nil for probes and readings.
        var place: Place? {
            switch purpose {
            case .segment(let place, _), .chat(let place, _): place
            case .probe, .load: nil
            }
        }

        /// Identity in the account; nil for probes and readings.
        var key: EngineRequest.Key?
        /// The request, until its record allows it to be sent.
        var unsent: TransportRequest?
        /// Tokens that the choice accepted.
        var kept = 0
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
    /// Tickets of requests that wait to be recorded.
    var unsent: [EngineRequest.Key: Int] = [:]
    private var lastTicket = 0
    var random: SplitMix
    var checkpoints: CheckpointSchedule
    /// Tokens that the longest request has received since the beginning; it paces checkpoints.
    var rounds = 0
    package internal(set) var tokensReceived = 0
    /// Tenants whose budget had no room for a request, and until when none of their jobs leaves the house.
    var overBudget: [String: Duration] = [:]
    static let budgetPause = Duration.seconds(60)
    /// Completion tokens of ended jobs' choices, averaged; nil before the first.
    var completionMean: Double?

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
    ///
    /// - Parameter dueAt: the job's deadline; nil without one.
    package mutating func submit(
        _ task: GenerationTask, attempt: Int64, owner: Owner = Owner(), dueAt: Duration? = nil, now: Duration
    ) -> [Action] {
        var actions = forget(task.job)
        let obstacles = endpoints.map { Self.obstacle(task, at: $0.endpoint) }
        if let first = obstacles.first, let first, !obstacles.contains(nil) {
            return actions + [.report(.refused(task.job, first))]
        }
        var running = Running(task, attempt: attempt, owner: owner)
        running.dueAt = dueAt
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
        for ticket in flights.keys.sorted() { actions += close(ticket) }
        (jobs, waiting) = ([:], [])
        return actions
    }

    /// Removes a job and closes its requests.
    mutating func forget(_ id: JobID) -> [Action] {
        guard jobs.removeValue(forKey: id) != nil else { return [] }
        waiting.removeAll { $0.job == id }
        var actions: [Action] = []
        for (ticket, flight) in flights.sorted(by: { $0.key < $1.key }) {
            guard flight.place?.job == id else { continue }
            actions += close(ticket)
        }
        return actions
    }

    /// Reports a job's result when all its choices have ended and no request of it is left to be read.
    mutating func finish(_ id: JobID) -> [Action] {
        let isRead = !flights.values.contains { $0.place?.job == id }
        guard isRead, let result = jobs[id]?.result() else { return [] }
        if let tokens = result.told?.completion ?? Optional(result.usage.completion), !result.choices.isEmpty {
            let new = Double(tokens) / Double(result.choices.count)
            completionMean = completionMean.map { $0 + 0.05 * (new - $0) } ?? new
        }
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
