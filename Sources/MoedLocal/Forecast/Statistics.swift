/// Repeated measurements of one quantity.
package struct Sample: Sendable, Equatable {
    package let values: [Double]

    /// - Precondition: there is at least one value.
    package init(_ values: [Double]) {
        precondition(!values.isEmpty, "nothing was measured")
        self.values = values.sorted()
    }

    /// The middle value, or the mean of the two in the middle.
    package var median: Double {
        let middle = values.count / 2
        return values.count % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2
    }

    /// Smallest value with at least the fraction `part` of all values at or below it (nearest rank).
    package func quantile(_ part: Double) -> Double {
        values[min(values.count - 1, max(0, Int((part * Double(values.count)).rounded(.up)) - 1))]
    }

    package var least: Double { values[0] }
    package var most: Double { values[values.count - 1] }
    /// (most − least) / median.
    package var spread: Double { median == 0 ? 0 : (most - least) / median }
}
