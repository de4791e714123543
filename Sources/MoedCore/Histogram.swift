/// Numbers of values up to each of some bounds, and their sum.
package struct Histogram: Sendable, Equatable {
    /// Upper bounds, ascending. A last class takes all greater values.
    package let bounds: [Double]
    /// Number of values of each class, the last one included.
    package private(set) var counts: [Int]
    package private(set) var sum = 0.0

    /// Bounds of times of jobs, in seconds: from a tenth of a second to half a day.
    package static let jobTimes: [Double] = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400, 43_200]
    /// Bounds of times of statements, in seconds.
    package static let statementTimes: [Double] = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10]

    package init(_ bounds: [Double]) {
        self.bounds = bounds
        counts = [Int](repeating: 0, count: bounds.count + 1)
    }

    package var total: Int { counts.reduce(0, +) }

    /// Adds a value. Negative ones and those that are no number count as zero.
    package mutating func add(_ value: Double) {
        let value = value >= 0 ? value : 0
        counts[bounds.firstIndex { value <= $0 } ?? bounds.count] += 1
        sum += value
    }
}
