import MoedBatching
import MoedCore

/// Requests are sent: to the first endpoint that can take one. Probes decide which can.
extension RemoteJobs {
    /// Opens requests of waiting choices while endpoints have room. They are sent once they are recorded.
    mutating func dispatch(_ now: Duration) -> [Action] {
        var opened: [EngineRequest] = []
        var left: [Place] = []
        for (index, place) in waiting.enumerated() {
            guard endpoints.contains(where: { $0.room > 0 }) else {
                left += waiting[index...]
                break
            }
            guard let endpoint = choose(place, now) else {
                left.append(place)
                continue
            }
            if let request = open(place, at: endpoint, now) { opened.append(request) }
        }
        waiting = left
        return opened.isEmpty ? [] : [.report(.opening(opened))]
    }

    /// The endpoint of a choice's next request: the last one while it has room, because it may hold the keys and values
    /// of the tokens so far; else the policy's.
    private func choose(_ place: Place, _ now: Duration) -> Int? {
        guard let running = jobs[place.job] else { return nil }
        let length = running.job.tokensMax
        func canTake(_ index: Int) -> Bool {
            endpoints[index].room > 0 && endpoints[index].holds(length) && suits(running, index)
        }
        if let last = running.last[place.choice], canTake(last) { return last }
        let tokens = expectedTokens(running.job.task)
        let candidates = endpoints.indices.filter(canTake).map { index in
            RoutingPolicy.Candidate(
                index: index, cost: expectedCost(running.job.task, tokens, at: index),
                seconds: endpoints[index].meter.speed.map { Double(tokens) / max($0, 1e-9) })
        }
        return rules.policy.choose(candidates, left: running.dueAt.map { ($0 - now) / .seconds(1) })
    }

    /// Completion tokens of a choice, when it has as many as choices had on average.
    private func expectedTokens(_ task: GenerationTask) -> Int {
        completionMean.map { min(task.newTokensMax, Int($0)) } ?? task.newTokensMax
    }

    /// Cost of a request by an endpoint's prices.
    private func expectedCost(_ task: GenerationTask, _ tokens: Int, at index: Int) -> Double? {
        var spending = EngineSpending(
            key: EngineRequest.Key(job: task.job, claim: 0, segment: 0), outcome: "", source: .estimated)
        (spending.prompt, spending.completion) = (task.prompt.count, tokens)
        return spending.amount(endpoints[index].endpoint.prices)
    }

    /// True when an endpoint is of the job's level, is trusted with its tenant's texts, and can run it at all.
    private func suits(_ running: Running, _ index: Int) -> Bool {
        let endpoint = endpoints[index].endpoint
        let isTrusted = endpoint.trust.allows(tenant: running.owner.tenant, mayLeave: running.owner.mayLeave)
        return isTrusted && (running.level ?? endpoint.api) == endpoint.api
            && Self.obstacle(running.job.task, at: endpoint) == nil
    }

    private mutating func open(_ place: Place, at index: Int, _ now: Duration) -> EngineRequest? {
        guard let running = jobs[place.job] else { return nil }
        let endpoint = endpoints[index].endpoint
        let name = "moed-\(place.job)-\(running.attempt)-\(place.choice)-\(running.segments)"
        let key = EngineRequest.Key(job: place.job, claim: running.attempt, segment: running.segments)
        var request = EngineRequest(
            key: key, choice: place.choice, firstToken: 0, prompt: nil, endpoint: endpoint.name,
            api: endpoint.api.rawValue, name: name)
        request.prices = endpoint.prices
        request.isOutside = endpoint.trust.isOutside
        (request.promptMost, request.completionMost) = (running.job.task.prompt.count, running.job.task.newTokensMax)
        var sent = TransportRequest(endpoint: index, path: "/completions", requestID: name)
        let purpose: Flight.Purpose
        switch endpoint.api {
        case .tokens:
            guard let segment = jobs[place.job]?.job.begin(place.choice) else { return nil }
            (request.firstToken, request.prompt) = (segment.position, segment.prompt.count)
            (request.promptMost, request.completionMost) = (segment.prompt.count, segment.tokensMax)
            sent.body = RequestBody.completion(
                segment, of: running.job.task, model: endpoint.model, endIDs: rules.endIDs)
            purpose = .segment(
                place,
                SegmentReader(
                    prompt: segment.prompt, tokensMax: segment.tokensMax, vocabularySize: rules.vocabularySize,
                    isFirst: segment.position == 0))
        case .chat:
            guard let input = running.job.task.chat else { return nil }
            sent.path = "/chat/completions"
            sent.body = RequestBody.chat(input, of: running.job.task, choice: place.choice, at: endpoint)
            purpose = .chat(place, ChatReader(tokensMax: running.job.task.newTokensMax))
        }
        jobs[place.job]?.segments += 1
        jobs[place.job]?.requests += 1
        jobs[place.job]?.level = endpoint.api
        jobs[place.job]?.last[place.choice] = index
        endpoints[index].inFlight += 1
        let ticket = nextTicket()
        var flight = Flight(purpose: purpose, endpoint: index, began: now)
        (flight.key, flight.unsent) = (key, sent)
        flights[ticket] = flight
        unsent[key] = ticket
        return request
    }

    // MARK: Time

    /// Probes endpoints, ends requests without progress, checkpoints, and gives jobs back that no endpoint takes.
    ///
    /// - Parameter unixTime: the current time, for `Retry-After`.
    package mutating func tick(now: Duration, unixTime: Int64) -> [Action] {
        var actions: [Action] = []
        for index in endpoints.indices { endpoints[index].measure(now) }
        if !overBudget.isEmpty { overBudget = overBudget.filter { $0.value > now } }
        for index in endpoints.indices where endpoints[index].needsProbe(now) { actions.append(probe(index, now)) }
        for index in endpoints.indices where endpoints[index].takeLoadTurn(now) { actions.append(readLoad(index, now)) }
        for ticket in flights.keys.sorted() {
            guard let flight = flights[ticket], isOverdue(flight, now) else { continue }
            actions += expire(ticket, flight, now, unixTime)
        }
        if checkpoints.take(now: now, sweeps: rounds) { actions += reportProgress() }
        return actions + dispatch(now) + giveBack(now)
    }

    private mutating func probe(_ index: Int, _ now: Duration) -> Action {
        let probe = Probe(
            endpoints[index].endpoint, index: index, prompt: rules.probePrompt, vocabularySize: rules.vocabularySize)
        endpoints[index].beginProbe()
        let ticket = nextTicket()
        flights[ticket] = Flight(purpose: .probe(probe), endpoint: index, began: now)
        return .send(ticket, probe.first)
    }

    private mutating func readLoad(_ index: Int, _ now: Duration) -> Action {
        let ticket = nextTicket()
        flights[ticket] = Flight(purpose: .load(LoadReading.Reader()), endpoint: index, began: now)
        return .send(ticket, TransportRequest(endpoint: index, path: "/metrics"))
    }

    private func isOverdue(_ flight: Flight, _ now: Duration) -> Bool {
        switch flight.purpose {
        case .probe, .load: now - flight.began > rules.probeMax
        case .segment where flight.unsent != nil, .chat where flight.unsent != nil: false
        case .segment, .chat:
            flight.lastToken.map { now - $0 > rules.idleMax } ?? (now - flight.began > rules.firstTokenMax)
        }
    }

    private mutating func expire(_ ticket: Int, _ flight: Flight, _ now: Duration, _ unixTime: Int64) -> [Action] {
        switch flight.purpose {
        case .probe:
            flights[ticket] = nil
            return [.close(ticket)]
                + judge(.broken(.stalled(hasBegun: false)), at: flight.endpoint, wasProbe: true, now, unixTime)
        case .load:
            flights[ticket] = nil
            endpoints[flight.endpoint].observed(nil, now)
            return [.close(ticket)]
        case .segment(let place, var reader):
            let ending = reader.stall()
            flights[ticket]?.purpose = .segment(place, reader)
            return ended(ticket, ending, now: now, unixTime: unixTime)
        case .chat(let place, var reader):
            let ending = reader.stall()
            flights[ticket]?.purpose = .chat(place, reader)
            return chatEnded(ticket, ending, now: now, unixTime: unixTime)
        }
    }

    /// Gives jobs back to the queue that have waited too long for an endpoint and have no request.
    private mutating func giveBack(_ now: Duration) -> [Action] {
        let stuck = Set(waiting.map(\.job)).filter { id in
            guard let running = jobs[id] else { return false }
            return !endpoints.indices.contains { endpoints[$0].breaker.isClosed && suits(running, $0) }
        }
        guard !stuck.isEmpty else {
            stuckSince = nil
            return []
        }
        let since = stuckSince ?? now
        stuckSince = since
        guard now - since >= rules.patience else { return [] }
        var busy: Set<JobID> = []
        for flight in flights.values { if let place = flight.place { busy.insert(place.job) } }
        let idle = stuck.subtracting(busy).sorted()
        guard !idle.isEmpty else { return [] }
        var pieces: [OutputPiece] = []
        for id in idle { pieces += jobs[id]?.job.takeProgress() ?? [] }
        var actions: [Action] = pieces.isEmpty ? [] : [.report(.progressed(pieces))]
        for id in idle { actions += forget(id) }
        return actions + [.report(.returned(idle))]
    }
}
