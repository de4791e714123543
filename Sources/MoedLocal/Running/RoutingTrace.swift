package import MoedCore

/// A record of the experts that sweeps used, for comparing cache policies.
///
/// A file is a header and one record for each layer of each sweep. A record has the layer (2 bytes), the rows (4 bytes)
/// and a bit for each expert. All numbers are little-endian. A sweep of Qwen3-30B-A3B takes 1 kB.
package struct RoutingTrace: Sendable, Equatable {
    package struct Header: Sendable, Equatable {
        /// Sparse layers, experts of each, bytes of one.
        package var layers: Int
        package var perLayer: Int
        package var expertByteCount: Int

        package init(layers: Int, perLayer: Int, expertByteCount: Int) {
            self.layers = layers
            self.perLayer = perLayer
            self.expertByteCount = expertByteCount
        }
    }

    /// A layer of a sweep.
    package struct Visit: Sendable, Equatable {
        package var layer: Int
        package var rows: Int
        package var experts: [Int]

        package init(layer: Int, rows: Int, experts: [Int]) {
            self.layer = layer
            self.rows = rows
            self.experts = experts
        }
    }

    package var header: Header
    package var visits: [Visit]

    package init(header: Header, visits: [Visit]) {
        self.header = header
        self.visits = visits
    }

    private static let mark = Array("moed routing 1\n".utf8)

    /// Passes through all layers; the last one may have been cut off.
    package var sweeps: Int {
        var (sweeps, last) = (0, Int.max)
        for visit in visits {
            if visit.layer <= last { sweeps += 1 }
            last = visit.layer
        }
        return sweeps
    }
}

// MARK: Bytes

extension RoutingTrace.Header {
    package var bytes: [UInt8] {
        RoutingTrace.mark + RoutingTrace.number(layers, 2) + RoutingTrace.number(perLayer, 2)
            + RoutingTrace.number(expertByteCount, 8)
    }

    package func bytes(of visit: RoutingTrace.Visit) -> [UInt8] {
        var bits = [UInt8](repeating: 0, count: (perLayer + 7) / 8)
        for expert in visit.experts { bits[expert / 8] |= 1 << (expert % 8) }
        return RoutingTrace.number(visit.layer, 2) + RoutingTrace.number(visit.rows, 4) + bits
    }
}

extension RoutingTrace {
    fileprivate static func number(_ value: Int, _ size: Int) -> [UInt8] {
        (0..<size).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> Int {
        bytes.reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    /// Reads a file's bytes. A visit that was being written when the process ended is left out.
    ///
    /// - Parameter path: for messages.
    /// - Throws: `EngineError(.invalidInput)` naming what is wrong and where.
    package init(_ bytes: [UInt8], path: String) throws(EngineError) {
        let start = Self.mark.count
        guard bytes.starts(with: Self.mark), bytes.count >= start + 12 else {
            throw EngineError(.invalidInput, "\(path) is no routing trace of moed")
        }
        let header = Header(
            layers: Self.number(bytes[start..<start + 2]), perLayer: Self.number(bytes[start + 2..<start + 4]),
            expertByteCount: Self.number(bytes[start + 4..<start + 11]))
        guard header.layers > 0, header.perLayer > 0, bytes[start + 11] == 0 else {
            throw EngineError(.invalidInput, "\(path): the header makes no sense")
        }
        let size = 6 + (header.perLayer + 7) / 8
        self.init(header: header, visits: [])
        for place in stride(from: start + 12, to: bytes.count - size + 1, by: size) {
            let layer = Self.number(bytes[place..<place + 2])
            let bits = bytes[place + 6..<place + size]
            let experts = (0..<header.perLayer).filter { bits[bits.startIndex + $0 / 8] >> ($0 % 8) & 1 == 1 }
            guard layer < header.layers, !experts.isEmpty else {
                throw EngineError(.invalidInput, "\(path): the record at byte \(place) makes no sense")
            }
            visits.append(
                Visit(layer: layer, rows: Self.number(bytes[place + 2..<place + 6]), experts: experts))
        }
    }
}
