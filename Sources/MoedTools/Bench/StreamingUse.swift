package import MoedReading
import MoedCore
import MoedCaching
import MoedEngine
import MoedHost
import MoedWeights

/// Expert reads during one measurement.
package struct StreamingUse: Sendable, Equatable {
    /// Experts that layers needed; `hits` counts those that were in memory.
    package var needed: Int
    package var hits: Int
    package var bytes: Int
    package var seconds: Double
    /// Seconds during which computing waited for reads.
    package var waited: Double
    /// Seconds with at least one read in flight.
    package var reading: Double
    package var tokens: Int
    package var regime: String

    /// Nil when no expert was needed: the model is in memory.
    package init?(before: StreamingFigures, now: StreamingFigures, seconds: Double, tokens: Int) {
        hits = now.hits - before.hits
        needed = hits + now.misses - before.misses
        guard needed > 0 else { return nil }
        bytes = now.bytesRead - before.bytesRead
        waited = (now.waited - before.waited).seconds
        reading = (now.reading - before.reading).seconds
        regime = now.regime.rawValue
        self.seconds = seconds
        self.tokens = tokens
    }

    package var hitRate: Double { Double(hits) / Double(needed) }
    package var bytesPerSecond: Double { Double(bytes) / seconds }
    /// Read rate over the seconds with at least one read in flight.
    package var bytesPerReadingSecond: Double { reading > 0 ? Double(bytes) / reading : 0 }
    package var bytesPerToken: Double { Double(bytes) / Double(tokens) }

    static let header = [
        "disk GB/s", "of probe", "reading", "of probe then", "hits", "MB/token", "waiting", "regime",
    ]

    /// - Parameter probe: bytes per second of the disk probe at the start.
    func columns(probe: Double) -> [String] {
        [
            HumanText.figure(bytesPerSecond / 1e9), HumanText.percent(bytesPerSecond / probe),
            HumanText.percent(reading / seconds), HumanText.percent(bytesPerReadingSecond / probe),
            HumanText.percent(hitRate), HumanText.figure(bytesPerToken / 1e6),
            HumanText.percent(waited / seconds), regime,
        ]
    }

    var json: JSONValue {
        [
            "disk_bytes_per_second": .double(bytesPerSecond), "hit_rate": .double(hitRate),
            "bytes_read": .integer(Int64(bytes)), "bytes_per_token": .double(bytesPerToken),
            "reading": .double(reading / seconds),
            "disk_bytes_per_second_reading": .double(bytesPerReadingSecond),
            "waiting": .double(waited / seconds), "regime": .string(regime),
        ]
    }
}
