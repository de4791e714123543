package import MoedCore
package import MoedWeights

/// An adapter's change of one matrix: scale · B · A, two factors of low rank.
package struct LowRankFactors: Sendable {
    /// Shape of the matrix that it is added to.
    package let shape: MatrixShape
    package let rank: Int
    let scale: Float
    let a: FactorPart
    let b: FactorPart

    /// The factor A, `[rank, inputs]`.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` naming file and tensor.
    package func down() throws(EngineError) -> [Float] { try a.values() }

    /// The factor B times the scale, `[outputs, rank]`.
    ///
    /// - Throws: as `down`.
    package func up() throws(EngineError) -> [Float] {
        var values = try b.values()
        for index in values.indices { values[index] *= scale }
        return values
    }
}

/// A factor in a stored matrix: some of its rows, and every so many of its columns.
struct FactorPart: Sendable {
    let source: any RowSource
    let rows: Range<Int>
    let firstColumn: Int
    let columnStep: Int
    let columns: Int
    /// True when the factor is the transposed part.
    let isTransposed: Bool

    init(
        _ source: any RowSource, rows: Range<Int>, firstColumn: Int = 0, columnStep: Int = 1, columns: Int,
        isTransposed: Bool = false
    ) {
        self.source = source
        self.rows = rows
        self.firstColumn = firstColumn
        self.columnStep = columnStep
        self.columns = columns
        self.isTransposed = isTransposed
    }

    /// The whole matrix.
    init(_ source: any RowSource) {
        self.init(source, rows: 0..<source.shape.outputs, columns: source.shape.inputs)
    }

    func values() throws(EngineError) -> [Float] {
        let width = source.shape.inputs
        var stored = [Float](repeating: 0, count: rows.count * width)
        try source.rows(rows, into: &stored)
        guard stored.allSatisfy(\.isFinite) else {
            throw source.error("has a value that is infinite or not a number")
        }
        var values = [Float](repeating: 0, count: rows.count * columns)
        for row in 0..<rows.count {
            for column in 0..<columns {
                let value = stored[row * width + firstColumn + column * columnStep]
                values[isTransposed ? column * rows.count + row : row * columns + column] = value
            }
        }
        return values
    }
}
