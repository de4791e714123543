package import MoedCore

/// Facts about an endpoint that a probe has found.
package struct EndpointFacts: Sendable, Equatable {
    /// Maximum length of a sequence in tokens; nil when the endpoint does not tell.
    package var contextLength: Int?
    /// True when each event of a stream tells the count so far: tokens are proven as they come.
    package var tellsCounts = false
    /// True when the usage tells cached tokens of the prompt.
    package var tellsCached = false

    package init() {}
}

/// Health, window and figures of one endpoint.
package struct EndpointState: Sendable {
    private static let loadInterval = Duration.seconds(2)

    package let endpoint: Endpoint
    package private(set) var breaker = Breaker()
    package private(set) var window: Window
    package var inFlight = 0
    /// True while a probe runs.
    package private(set) var isProbing = false
    /// True while the endpoint is out for another reason than load.
    private var wasOut = false
    /// Facts of the last good probe; nil before the first.
    package private(set) var facts: EndpointFacts?
    /// Number of failed requests by kind.
    package private(set) var errors: [Verdict.Kind: Int] = [:]
    package var requests = 0
    /// Time of the next reading of the load; nil when the endpoint tells none, or its window is configured.
    private var loadAt: Duration?
    private var isReadingLoad = false
    package var tokensReceived = 0
    package private(set) var meter = TokenMeter()
    /// Known costs of ended requests.
    package var spent = 0.0

    package init(_ endpoint: Endpoint) {
        self.endpoint = endpoint
        window = Window(most: endpoint.maxInFlight)
    }

    /// Number of requests that could be sent now.
    package var room: Int { breaker.isClosed && facts != nil ? max(0, window.limit - inFlight) : 0 }

    /// True when the endpoint can hold a sequence of `tokens` tokens.
    package func holds(_ tokens: Int) -> Bool { tokens <= facts?.contextLength ?? .max }

    package func needsProbe(_ now: Duration) -> Bool { !isProbing && breaker.needsProbe(now) }

    /// Begins a reading of the load when one is due.
    package mutating func takeLoadTurn(_ now: Duration) -> Bool {
        guard breaker.isClosed, !isReadingLoad, let loadAt, loadAt <= now else { return false }
        isReadingLoad = true
        return true
    }

    /// - Parameter load: nil when the endpoint does not tell; it is asked again after the next probe.
    package mutating func observed(_ load: LoadReading?, _ now: Duration) {
        isReadingLoad = false
        loadAt = load == nil ? nil : now + Self.loadInterval
        if let load { window.observe(load) }
    }

    /// Measures the tokens per second.
    package mutating func measure(_ now: Duration) { meter.take(tokens: tokensReceived, at: now) }

    /// Records a request that ended well.
    ///
    /// - Parameter length: time from its sending to its end.
    package mutating func timed(tokens: Int, _ length: Duration) { meter.ended(tokens: tokens, length) }

    /// Ends a pause: the next tick probes.
    package mutating func endPause(_ now: Duration) { breaker.clear(now) }

    /// The endpoint for people.
    package func report(_ now: Duration) -> EndpointReport {
        var report = EndpointReport(name: endpoint.name, api: endpoint.api.rawValue, model: endpoint.model)
        switch breaker.state {
        case .unknown: report.state = .unknown
        case .closed: report.state = .up
        case .open(let until): (report.state, report.cooldown) = (.out, max(.zero, until - now))
        }
        (report.age, report.reason) = (max(.zero, now - breaker.since), breaker.reason)
        (report.inFlight, report.window, report.tokensPerSecond) = (inFlight, window.limit, meter.rate)
        (report.requests, report.tokens) = (requests, tokensReceived)
        report.isOutside = endpoint.trust.isOutside
        if case .tenants(let names) = endpoint.trust { report.trusted = names.sorted() }
        report.errors = Dictionary(uniqueKeysWithValues: errors.map { ($0.key.rawValue, $0.value) })
        return report
    }

    package mutating func beginProbe() { isProbing = true }

    package mutating func probed(_ facts: EndpointFacts, _ now: Duration) {
        isProbing = false
        if wasOut { window.restart() }
        wasOut = false
        self.facts = facts
        loadAt = endpoint.maxInFlight == nil ? now : nil
        breaker.succeeded(now)
    }

    /// Records the verdict about a request or a probe.
    ///
    /// - Returns: true when the endpoint has stopped taking requests.
    package mutating func judge(_ verdict: Verdict, wasProbe: Bool, at now: Duration, _ context: Context) -> Bool {
        if wasProbe { isProbing = false }
        if let kind = verdict.kind { errors[kind, default: 0] += 1 }
        let wasClosed = breaker.isClosed
        switch verdict.endpoint {
        case .healthy:
            // The request that ended is no longer among those in flight.
            if !wasProbe { window.succeeded(wasFull: inFlight + 1 >= window.limit) }
            return false
        case .busy(let text):
            window.refused()
            let pause = text.flatMap { RetryAfter.pause($0, unixTime: context.unixTime) }
            breaker.busy(pause, now, jitter: context.jitter)
        case .suspect:
            guard breaker.suspect(now) || wasProbe else { return false }
            breaker.failed("requests break (\(verdict.kind?.rawValue ?? ""))", now, jitter: context.jitter)
        case .down:
            breaker.failed("it does not answer (\(verdict.kind?.rawValue ?? ""))", now, jitter: context.jitter)
        case .unusable(let reason): breaker.unusable(reason, now)
        }
        if verdict.kind != .busy { wasOut = facts != nil }
        return wasClosed
    }

    /// Surroundings of a verdict.
    package struct Context: Sendable {
        package var unixTime: Int64
        /// Random number, 0…1.
        package var jitter: Double

        package init(unixTime: Int64, jitter: Double) {
            self.unixTime = unixTime
            self.jitter = jitter
        }
    }
}
