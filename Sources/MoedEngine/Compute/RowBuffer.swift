import MoedCore
import MoedHost

/// A matrix of scratch values, `[rows, columns]`, allocated once and used by every sweep.
///
/// Its pointer is for the files of this folder alone.
@safe final class RowBuffer<Element: BitwiseCopyable> {
    let rows: Int
    let columns: Int
    /// Elements from one row to the next: an odd number of cache lines, so that equal columns of neighbouring
    /// rows do not all fall into one set of the cache.
    let stride: Int
    let start: UnsafeMutablePointer<Element>
    private let memory: AlignedMemory

    init(rows: Int, columns: Int, purpose: String) throws(EngineError) {
        let line = 16
        let lines = (columns + line - 1) / line
        self.rows = rows
        self.columns = columns
        stride = (lines | 1) * line
        let (count, overflow) = rows.multipliedReportingOverflow(by: stride * MemoryLayout<Element>.stride)
        guard !overflow else { throw EngineError(.outOfMemory, "\(purpose) is larger than memory can be") }
        memory = try AlignedMemory.allocated(byteCount: count, purpose: purpose)
        unsafe start = memory.base.bindMemory(to: Element.self, capacity: rows * stride)
    }

    var byteCount: Int { memory.byteCount }

    /// The start of a row.
    func row(_ row: Int) -> UnsafeMutablePointer<Element> {
        precondition(row >= 0 && row < rows)
        return unsafe start + row * stride
    }

    subscript(row: Int, column: Int) -> Element {
        get {
            precondition(column >= 0 && column < columns)
            return unsafe self.row(row)[column]
        }
        set {
            precondition(column >= 0 && column < columns)
            unsafe self.row(row)[column] = newValue
        }
    }

    /// - Parameter count: columns to show, from the first; nil shows all.
    func withRow<R>(_ row: Int, first count: Int? = nil, _ body: (inout MutableSpan<Element>) -> R) -> R {
        precondition(count ?? 0 <= columns)
        var span = unsafe MutableSpan(_unsafeStart: self.row(row), count: count ?? columns)
        return body(&span)
    }

    /// Exchanges the first rows for whole rows of `values`.
    func write(_ values: [Element]) {
        precondition(values.count % columns == 0)
        for row in 0..<values.count / columns {
            withRow(row) { span in
                for column in 0..<columns { span[column] = values[row * columns + column] }
            }
        }
    }

    /// A copy of the first `count` rows, without the padding.
    func copy(rows count: Int) -> [Element] {
        (0..<count).flatMap { row in withRow(row) { span in span.indices.map { span[$0] } } }
    }
}
