/// The pause that a `Retry-After` header asks for (RFC 9110, 10.2.3).
enum RetryAfter {
    /// Longer pauses are cut: a server may mean another clock.
    static let most = Duration.seconds(300)

    /// - Parameter unixTime: the current time, which a date is compared with.
    /// - Returns: nil when the text is neither a number of seconds nor a date.
    static func pause(_ text: String, unixTime: Int64) -> Duration? {
        let text = text.trimmed
        if let seconds = Double(text), seconds.isFinite {
            return min(most, .milliseconds(Int64(min(max(0, seconds), 1_000_000) * 1000)))
        }
        guard let date = date(text) else { return nil }
        let (rest, overflow) = date.subtractingReportingOverflow(unixTime)
        return overflow ? nil : min(most, .seconds(max(0, rest)))
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// Unix seconds of `Sun, 06 Nov 1994 08:49:37 GMT`; nil for another form.
    private static func date(_ text: Substring) -> Int64? {
        let words = text.split(separator: " ")
        guard words.count == 6, words[5] == "GMT", let day = Int64(words[1]), (1...31).contains(day),
            let month = months.firstIndex(of: String(words[2])), let year = Int64(words[3]),
            (1970...9999).contains(year)
        else { return nil }
        let time = words[4].split(separator: ":").compactMap { Int64($0) }
        guard time.count == 3, (0...23).contains(time[0]), (0...59).contains(time[1]), (0...60).contains(time[2])
        else { return nil }
        return days(year, Int64(month) + 1, day) * 86_400 + time[0] * 3600 + time[1] * 60 + time[2]
    }

    /// Days from 1970-01-01 in the Gregorian calendar; years begin in March, so that leap days are their last.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let y = month > 2 ? year : year - 1
        let era = y / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}

extension String {
    fileprivate var trimmed: Substring {
        var text = self[...]
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}
