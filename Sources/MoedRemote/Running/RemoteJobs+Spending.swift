import MoedBatching
package import MoedCore

/// The account: each request is recorded before it is sent, and its end with what it cost.
extension RemoteJobs {
    /// Sends requests that were recorded. Those of jobs that ended meanwhile are unknown here.
    package mutating func proceed(_ keys: Set<EngineRequest.Key>, now: Duration) -> [Action] {
        var actions: [Action] = []
        for ticket in keys.compactMap({ unsent.removeValue(forKey: $0) }).sorted() {
            guard let flight = flights[ticket], let request = flight.unsent else { continue }
            flights[ticket]?.unsent = nil
            flights[ticket]?.began = now
            endpoints[flight.endpoint].requests += 1
            actions.append(.send(ticket, request))
        }
        return actions
    }

    /// Takes requests back that could exceed their tenant's budget: the jobs stay in the house, or return to the queue.
    package mutating func decline(_ keys: Set<EngineRequest.Key>, now: Duration) -> [Action] {
        for key in keys.sorted(by: { ($0.job, $0.segment) < ($1.job, $1.segment) }) {
            guard let ticket = unsent.removeValue(forKey: key), let flight = flights.removeValue(forKey: ticket),
                let place = flight.place
            else { continue }
            endpoints[flight.endpoint].inFlight -= 1
            jobs[place.job]?.requestEnded()
            if let tenant = jobs[place.job]?.owner.tenant { overBudget[tenant] = now + Self.budgetPause }
            jobs[place.job]?.owner.mayLeave = false
            waiting.append(place)
        }
        return dispatch(now)
    }

    /// True when an endpoint may run jobs of the tenant.
    package func mayRun(_ owner: Owner, now: Duration) -> Bool {
        let mayLeave = owner.mayLeave && overBudget[owner.tenant].map { $0 <= now } ?? true
        return endpoints.contains { $0.endpoint.trust.allows(tenant: owner.tenant, mayLeave: mayLeave) }
    }

    /// Closes a request, and reports what it cost.
    ///
    /// - Parameters:
    ///   - ending: end of the request; nil when moed needs no more of it.
    ///   - isKept: false when its tokens are dropped.
    mutating func close(_ ticket: Int, after ending: Ending? = nil, isKept: Bool = true) -> [Action] {
        guard let flight = flights.removeValue(forKey: ticket) else { return [.close(ticket)] }
        guard let place = flight.place, let key = flight.key else { return [.close(ticket)] }
        endpoints[flight.endpoint].inFlight -= 1
        jobs[place.job]?.requestEnded()
        unsent[key] = nil
        var spending = Self.spending(key, flight, ending)
        if let kind = ending.flatMap({ Verdict($0, api: endpoints[flight.endpoint].endpoint.api).kind }) {
            spending.outcome = kind.rawValue
        }
        switch flight.purpose {
        case .chat: spending.kept = isKept && ending != nil ? spending.completion : 0
        default: spending.kept = isKept ? min(flight.kept, spending.completion ?? flight.kept) : 0
        }
        endpoints[flight.endpoint].spent += spending.amount(endpoints[flight.endpoint].endpoint.prices) ?? 0
        return (flight.unsent == nil ? [.close(ticket)] : []) + [.report(.spent([spending]))]
    }

    // MARK: Endpoints

    /// The endpoints for people, in order.
    package func reports(_ now: Duration) -> [EndpointReport] { endpoints.map { $0.report(now) } }

    /// Ends the pauses of endpoints: the next tick probes them.
    package mutating func endPauses(of names: Set<String>, now: Duration) -> [Action] {
        for index in endpoints.indices where names.contains(endpoints[index].endpoint.name) {
            endpoints[index].endPause(now)
        }
        return []
    }

    /// Counts of a request: the endpoint's, else those of the tokens that arrived.
    private static func spending(
        _ key: EngineRequest.Key, _ flight: Flight, _ ending: Ending?
    ) -> EngineSpending {
        var spending = EngineSpending(
            key: key, outcome: ending == nil ? EngineSpending.Outcome.closed : EngineSpending.Outcome.finished,
            source: .counted)
        (spending.prompt, spending.completion) = (0, 0)
        guard flight.unsent == nil else {
            spending.outcome = EngineSpending.Outcome.unsent
            return spending
        }
        switch ending {
        case .status, .unreachable, .insecure: return spending
        case nil, .finished, .broken: break
        }
        guard case .segment(_, let reader) = flight.purpose else {
            guard case .chat(_, let reader) = flight.purpose else { return spending }
            spending.source = .usage
            (spending.prompt, spending.completion) = (reader.usage?.prompt, reader.usage?.completion)
            (spending.cached, spending.cost) = (reader.usage?.cached, reader.usage?.cost)
            return spending
        }
        let usage = reader.usage
        let told = usage?.completion ?? 0
        spending.prompt = usage?.prompt ?? reader.prompt.count
        spending.completion = max(told, reader.count)
        spending.cached = usage?.cached
        spending.cost = usage?.cost
        if usage?.prompt != nil, usage?.completion != nil, told >= reader.count {
            spending.source = .usage
        } else if !reader.hasBegun {
            // The endpoint may have read the prompt.
            spending.source = .estimated
        }
        return spending
    }
}
