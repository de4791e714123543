import MoedBatching
import MoedCore

/// Responses arrive: tokens go to their job, endings are judged.
extension RemoteJobs {
    /// Takes a part of a response. Parts of closed requests are ignored.
    ///
    /// - Parameter unixTime: the current time, for `Retry-After`.
    package mutating func received(_ event: TransportEvent, ticket: Int, now: Duration, unixTime: Int64) -> [Action] {
        guard let flight = flights[ticket] else { return [] }
        switch flight.purpose {
        case .probe(let probe): return take(event, probe, ticket, flight, now, unixTime)
        case .load(var reader):
            let result = reader.take(event)
            flights[ticket]?.purpose = .load(reader)
            guard let load = result else { return [] }
            flights[ticket] = nil
            endpoints[flight.endpoint].observed(load, now)
            return [.close(ticket)] + dispatch(now)
        case .segment(let place, var reader):
            let signals = reader.take(event)
            flights[ticket]?.purpose = .segment(place, reader)
            var actions: [Action] = []
            for signal in signals where flights[ticket] != nil {
                switch signal {
                case .tokens(let tokens):
                    flights[ticket]?.lastToken = now
                    actions += feed(tokens, to: place, ticket, flight, reader)
                case .ended(let ending): actions += ended(ticket, ending, now: now, unixTime: unixTime)
                }
            }
            return actions + dispatch(now)
        case .chat(let place, var reader):
            let signals = reader.take(event)
            flights[ticket]?.purpose = .chat(place, reader)
            var actions: [Action] = []
            for signal in signals where flights[ticket] != nil {
                switch signal {
                case .progressed: flights[ticket]?.lastToken = now
                case .ended(let ending): actions += chatEnded(ticket, ending, now: now, unixTime: unixTime)
                }
            }
            return actions + dispatch(now)
        }
    }

    /// Feeds tokens. A choice that has ended, or whose thinking was ended, needs no more of this request. A request
    /// that ends by itself is read to its end: its last counts prove the tokens.
    private mutating func feed(
        _ tokens: [TokenID], to place: Place, _ ticket: Int, _ flight: Flight, _ reader: SegmentReader
    ) -> [Action] {
        tokensReceived += tokens.count
        endpoints[flight.endpoint].tokensReceived += tokens.count
        rounds = max(rounds, reader.count)
        guard flights[ticket]?.isOver == false else { return [] }
        jobs[place.job]?.broken = 0
        for token in tokens {
            let step = jobs[place.job]?.job.accept(token, choice: place.choice) ?? .ended
            flights[ticket]?.kept += 1
            if step == .goesOn { continue }
            let isAtItsEnd =
                reader.hasFinish || reader.count >= reader.tokensMax
                || jobs[place.job]?.job.task.stopIDs.contains(token) == true
            if isAtItsEnd {
                flights[ticket]?.isOver = true
                return []
            }
            if step == .needsNewSegment { waiting.append(place) }
            return close(ticket) + (step == .ended ? finish(place.job) : [])
        }
        return []
    }

    /// Handles the end of a request. The connection is closed, whether the server keeps it open or not.
    mutating func ended(_ ticket: Int, _ ending: Ending, now: Duration, unixTime: Int64) -> [Action] {
        guard let flight = flights[ticket], case .segment(let place, let reader) = flight.purpose else { return [] }
        let isOpen = jobs[place.job]?.job.isOpen(place.choice) ?? false
        // moed would have ended the choice at an end token, and asks for no more tokens than a choice may have.
        let seen: Ending =
            switch ending {
            case .finished(.stop, _) where isOpen: .broken(.foreignStop)
            case .finished(.length, _) where isOpen && reader.count < reader.tokensMax: .broken(.clamped)
            default: ending
            }
        if case .finished = ending {
            endpoints[flight.endpoint].timed(tokens: reader.count, now - flight.began)
        }
        if case .finished(_, let usage) = ending, let cached = usage?.cached, reader.isFirst {
            jobs[place.job]?.job.note(cached: cached, choice: place.choice)
        }
        let verdict = Verdict(seen, api: endpoints[flight.endpoint].endpoint.api).job
        var actions = close(ticket, after: seen, isKept: verdict != .startsSegmentAgain)
        actions += judge(seen, at: flight.endpoint, wasProbe: false, now, unixTime)
        switch verdict {
        case .goesOn where !isOpen: actions += finish(place.job)
        case .goesOn, .continues: waiting.append(place)
        case .continuesAtRisk: actions += again(place, seen)
        case .startsSegmentAgain:
            jobs[place.job]?.job.rollBack(place.choice)
            actions += again(place, seen)
        case .refused(let error):
            // A request that the endpoint refused at once cost nothing.
            let wasted = jobs[place.job]?.job.wasted ?? Usage()
            let isBilled = wasted.completion > 0 || reader.hasBegun
            actions += forget(place.job) + [.report(.refused(place.job, error, wasted: isBilled ? wasted : Usage()))]
        }
        return actions
    }

    /// Sends a choice again, unless its requests have broken too often.
    mutating func again(_ place: Place, _ ending: Ending) -> [Action] {
        guard let running = jobs[place.job] else { return [] }
        let broken = running.broken + 1
        jobs[place.job]?.broken = broken
        guard broken >= Self.brokenMax else {
            waiting.append(place)
            return []
        }
        let kind = Verdict(ending, api: .tokens).kind?.rawValue ?? ""
        let error = EngineError(.io, "\(broken) requests in a row broke without a token, the last one: \(kind)")
        return forget(place.job) + [.report(.failed(place.job, error, wasted: running.job.wasted))]
    }

    /// Records what an ending means for its endpoint.
    mutating func judge(
        _ ending: Ending, at index: Int, wasProbe: Bool, _ now: Duration, _ unixTime: Int64
    ) -> [Action] {
        let verdict = Verdict(ending, api: endpoints[index].endpoint.api)
        let context = EndpointState.Context(
            unixTime: unixTime, jitter: Double(random.next() >> 11) / Double(UInt64(1) << 53))
        let before = endpoints[index].breaker.reason
        _ = endpoints[index].judge(verdict, wasProbe: wasProbe, at: now, context)
        let breaker = endpoints[index].breaker
        guard !breaker.isClosed, breaker.reason != before, let reason = breaker.reason else { return [] }
        return [.log(Remark(isWarning: true, text: "endpoint \(endpoints[index].endpoint.name): \(reason)"))]
    }

    private mutating func take(
        _ event: TransportEvent, _ probe: Probe, _ ticket: Int, _ flight: Flight, _ now: Duration, _ unixTime: Int64
    ) -> [Action] {
        var probe = probe
        let step = probe.take(event)
        flights[ticket]?.purpose = .probe(probe)
        switch step {
        case nil: return []
        case .send(let request):
            // The next request has a ticket of its own: late parts of this response belong to no request.
            flights[ticket] = nil
            let next = nextTicket()
            flights[next] = Flight(purpose: .probe(probe), endpoint: flight.endpoint, began: now)
            return [.close(ticket), .send(next, request)]
        case .good(let facts):
            flights[ticket] = nil
            endpoints[flight.endpoint].probed(facts, now)
            let name = endpoints[flight.endpoint].endpoint.name
            return [.close(ticket), .log(Remark(isWarning: false, text: "endpoint \(name): ready"))] + dispatch(now)
        case .failed(let ending):
            flights[ticket] = nil
            return [.close(ticket)] + judge(ending, at: flight.endpoint, wasProbe: true, now, unixTime)
        }
    }
}
