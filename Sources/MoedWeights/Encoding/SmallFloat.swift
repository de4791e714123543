/// Values of the element types with eight or four bits.
enum SmallFloat {
    /// E4M3FN (OCP 8-bit floating point): no infinities; 0x7F and 0xFF are not a number; the largest is 448.
    static let e4m3: [Float] = (0..<256).map { byte in
        let magnitude = byte & 0x7F
        let sign: Float = byte & 0x80 == 0 ? 1 : -1
        if magnitude == 0x7F { return .nan }
        let (exponent, fraction) = (magnitude >> 3, Float(magnitude & 7))
        if exponent == 0 { return sign * fraction * 0x1p-9 }
        return sign * (8 + fraction) * Float(sign: .plus, exponent: exponent - 10, significand: 1)
    }

    /// E8M0 (OCP microscaling): two to the power of byte − 127; 0xFF is not a number.
    static let e8m0: [Float] = (0..<256).map { byte in
        if byte == 0xFF { return .nan }
        return byte == 0 ? 0x1p-127 : Float(bitPattern: UInt32(byte) << 23)
    }

    /// Whole numbers of two's complement.
    static let int8: [Float] = (0..<256).map { Float(Int8(truncatingIfNeeded: $0)) }

    /// E2M1 (OCP microscaling, FP4): bit 3 is the sign.
    static let e2m1: [Float] = [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6]
}
