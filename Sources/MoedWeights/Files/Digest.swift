/// XXH64 of some bytes with seed 0: tells damage, not malice.
///
/// A pack's digests are computed over many gigabytes, when it is written and whenever it is loaded. They have to be as
/// fast as memory. A stray bit, a short write or a swapped block changes 64 bits at random. XXH64 runs at
/// several bytes a cycle on any CPU, without instructions of its own, and fits a page.
/// Specification: "xxHash fast digest algorithm", Yann Collet, version 0.1.1, section XXH64.
package struct Digest: Sendable, Hashable {
    package var value: UInt64

    private static let primes: [UInt64] = [
        0x9E37_79B1_85EB_CA87, 0xC2B2_AE3D_27D4_EB4F, 0x1656_67B1_9E37_79F9, 0x85EB_CA77_C2B2_AE63,
        0x27D4_EB2F_1656_67C5,
    ]

    package init(_ bytes: [UInt8]) {
        self = unsafe bytes.withUnsafeBytes { unsafe Digest($0) }
    }

    /// The digest of something in parts: that of its parts' digests, 8 little-endian bytes each, in order.
    package init(parts: [Digest]) {
        self.init(parts.flatMap { part in (0..<8).map { UInt8(truncatingIfNeeded: part.value >> (8 * $0)) } })
    }

    package init(_ bytes: UnsafeRawBufferPointer) {
        let (p1, p2, p3) = (Self.primes[0], Self.primes[1], Self.primes[2])
        let (p4, p5) = (Self.primes[3], Self.primes[4])
        var at = 0
        var hash = p5
        if bytes.count >= 32 {
            var (a, b, c, d) = (p1 &+ p2, p2, UInt64(0), 0 &- p1)
            while at + 32 <= bytes.count {
                a = Self.round(a, unsafe Self.word(bytes, at))
                b = Self.round(b, unsafe Self.word(bytes, at + 8))
                c = Self.round(c, unsafe Self.word(bytes, at + 16))
                d = Self.round(d, unsafe Self.word(bytes, at + 24))
                at += 32
            }
            hash = Self.turn(a, 1) &+ Self.turn(b, 7) &+ Self.turn(c, 12) &+ Self.turn(d, 18)
            for lane in [a, b, c, d] { hash = (hash ^ Self.round(0, lane)) &* p1 &+ p4 }
        }
        hash &+= UInt64(bytes.count)
        while at + 8 <= bytes.count {
            hash = Self.turn(hash ^ Self.round(0, unsafe Self.word(bytes, at)), 27) &* p1 &+ p4
            at += 8
        }
        if at + 4 <= bytes.count {
            let half = UInt64(
                UInt32(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
            hash = Self.turn(hash ^ (half &* p1), 23) &* p2 &+ p3
            at += 4
        }
        while at < bytes.count {
            hash = Self.turn(hash ^ (UInt64(unsafe bytes[at]) &* p5), 11) &* p1
            at += 1
        }
        hash = (hash ^ (hash >> 33)) &* p2
        hash = (hash ^ (hash >> 29)) &* p3
        value = hash ^ (hash >> 32)
    }

    @inline(__always)
    private static func word(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> UInt64 {
        UInt64(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
    }

    @inline(__always)
    private static func turn(_ value: UInt64, _ count: UInt64) -> UInt64 {
        value &<< count | value &>> (64 &- count)
    }

    @inline(__always)
    private static func round(_ lane: UInt64, _ word: UInt64) -> UInt64 {
        turn(lane &+ word &* 0xC2B2_AE3D_27D4_EB4F, 31) &* 0x9E37_79B1_85EB_CA87
    }
}

extension Digest: CustomStringConvertible {
    /// 16 hexadecimal digits.
    package var description: String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    package init?(_ text: String) {
        guard text.utf8.count == 16,
            text.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }),
            let value = UInt64(text, radix: 16)
        else { return nil }
        self.value = value
    }
}
