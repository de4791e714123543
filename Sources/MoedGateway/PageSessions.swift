import MoedOpenAI
import MoedPage

/// Browsers in which somebody signed in with an operator's key. They are in memory only: a restart ends them.
actor PageSessions {
    private struct Session {
        var key: String
        var person: PageOperator
        var end: ContinuousClock.Instant
    }

    private static let lifetime = Duration.seconds(8 * 3600)
    private static let sessionsMax = 64

    private var sessions: [String: Session] = [:]

    /// Begins a session; returns its secret name, which the browser keeps in a cookie.
    func begin(key: String, hint: String) -> String {
        let now = ContinuousClock.now
        sessions = sessions.filter { $0.value.end > now }
        if sessions.count >= Self.sessionsMax, let oldest = sessions.min(by: { $0.value.end < $1.value.end }) {
            sessions[oldest.key] = nil
        }
        let name = Self.secret()
        sessions[name] = Session(
            key: key, person: PageOperator(token: Self.secret(), hint: hint), end: now + Self.lifetime)
        return name
    }

    /// The person who signed in. A message is given once.
    func person(_ name: String?) -> PageOperator? {
        guard let name, let session = sessions[name], session.end > .now else { return nil }
        sessions[name]?.person.message = nil
        return session.person
    }

    /// The key of a session whose form sent the right token.
    func key(_ name: String?, token: String?) -> String? {
        guard let name, let session = sessions[name], session.end > .now, session.person.token == token
        else { return nil }
        return session.key
    }

    func tell(_ name: String?, _ message: String) {
        if let name { sessions[name]?.person.message = message }
    }

    func end(_ name: String?) {
        if let name { sessions[name] = nil }
    }

    /// 256 random bits.
    private static func secret() -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<4).map { _ in
            let digits = String(UInt64.random(in: .min ... .max, using: &generator), radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}
