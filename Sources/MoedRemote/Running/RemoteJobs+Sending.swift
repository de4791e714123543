import MoedBatching
import MoedCore

/// Requests are sent: to the first endpoint that can take one. Probes decide which can.
extension RemoteJobs {
    /// Sends requests of waiting choices while endpoints have room.
    mutating func dispatch(_ now: Duration) -> [Action] {
        var actions: [Action] = []
        var left: [Place] = []
        for (index, place) in waiting.enumerated() {
            guard endpoints.contains(where: { $0.room > 0 }) else {
                left += waiting[index...]
                break
            }
            guard let endpoint = choose(place) else {
                left.append(place)
                continue
            }
            if let action = open(place, at: endpoint, now) { actions.append(action) }
        }
        waiting = left
        return actions
    }

    /// The endpoint of a choice's next request: the last one while it has room, because it may hold the keys and values
    /// of the tokens so far; else the first in order.
    private func choose(_ place: Place) -> Int? {
        guard let running = jobs[place.job] else { return nil }
        let tokens = running.job.tokensMax
        func canTake(_ index: Int) -> Bool { endpoints[index].room > 0 && endpoints[index].holds(tokens) }
        if let last = running.last[place.choice], canTake(last) { return last }
        return endpoints.indices.first(where: canTake)
    }

    private mutating func open(_ place: Place, at index: Int, _ now: Duration) -> Action? {
        guard let segment = jobs[place.job]?.job.begin(place.choice), let running = jobs[place.job] else { return nil }
        jobs[place.job]?.segments += 1
        jobs[place.job]?.last[place.choice] = index
        endpoints[index].inFlight += 1
        endpoints[index].requests += 1
        let ticket = nextTicket()
        let reader = SegmentReader(
            prompt: segment.prompt, tokensMax: segment.tokensMax, vocabularySize: rules.vocabularySize,
            isFirst: segment.position == 0)
        flights[ticket] = Flight(purpose: .segment(place, reader), endpoint: index, began: now)
        let body = RequestBody.completion(
            segment, of: running.job.task, model: endpoints[index].endpoint.model, endIDs: rules.endIDs)
        return .send(
            ticket,
            TransportRequest(
                endpoint: index, path: "/completions", body: body,
                requestID: "moed-\(place.job)-\(running.attempt)-\(place.choice)-\(running.segments)"))
    }

    // MARK: Time

    /// Probes endpoints, ends requests without progress, checkpoints, and gives jobs back that no endpoint takes.
    ///
    /// - Parameter unixTime: the current time, for `Retry-After`.
    package mutating func tick(now: Duration, unixTime: Int64) -> [Action] {
        var actions: [Action] = []
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
        case .segment:
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
            return [close(ticket)]
                + ended(place, ending, flight, reader, now: now, unixTime: unixTime)
        }
    }

    /// Gives jobs back to the queue that have waited too long for an endpoint and have no request.
    private mutating func giveBack(_ now: Duration) -> [Action] {
        guard !waiting.isEmpty, !endpoints.contains(where: { $0.breaker.isClosed }) else {
            stuckSince = nil
            return []
        }
        let since = stuckSince ?? now
        stuckSince = since
        guard now - since >= rules.patience else { return [] }
        var busy: Set<JobID> = []
        for flight in flights.values {
            if case .segment(let place, _) = flight.purpose { busy.insert(place.job) }
        }
        let idle = Set(waiting.map(\.job)).subtracting(busy).sorted()
        guard !idle.isEmpty else { return [] }
        var pieces: [OutputPiece] = []
        for id in idle { pieces += jobs[id]?.job.takeProgress() ?? [] }
        var actions: [Action] = pieces.isEmpty ? [] : [.report(.progressed(pieces))]
        for id in idle { actions += forget(id) }
        return actions + [.report(.returned(idle))]
    }
}
