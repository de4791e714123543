/// Elementary functions from nothing but IEEE additions, multiplications and divisions.
///
/// The C library's choose other instructions on other processors and may differ in the last bit; these give
/// the same bits everywhere. Errors are a few units in the last place of a double.
package enum PortableMath {
    /// Cosine and sine of an angle in 0…2^27 radians, absolute error below 1e-15.
    package static func cosineAndSine(_ angle: Double) -> (cosine: Double, sine: Double) {
        // angle = n π/2 + r, with π/2 in three parts of 25 bits: n times a part is exact for n < 2^28.
        let n = (angle * 0x1.45f306dc9c883p-1).rounded(.toNearestOrEven)
        var r = angle - n * 0x1.921fb5p0
        r -= n * 0x1.110b46p-26
        r -= n * 0x1.1a6263p-54
        let square = r * r
        // Taylor series; the terms left out are below 1e-17 for |r| ≤ π/4.
        var sine = 0.0
        for k in stride(from: 17, through: 3, by: -2) { sine = (1 + sine) * -square / Double(k * (k - 1)) }
        sine = r + r * sine
        var cosine = 0.0
        for k in stride(from: 18, through: 2, by: -2) {
            cosine = (1 + cosine) * -square / Double(k * (k - 1))
        }
        cosine = 1 + cosine
        return switch Int(n) & 3 {
        case 0: (cosine, sine)
        case 1: (-sine, cosine)
        case 2: (-cosine, -sine)
        default: (sine, -cosine)
        }
    }

    /// e^x for x ≤ 0, relative error below 1e-15; 0 below -700.
    package static func exponential(_ x: Double) -> Double {
        guard x > -700 else { return x.isNaN ? x : 0 }
        // x = n ln 2 + r, ln 2 in a part of 33 bits and the rest.
        let n = (x * 0x1.71547652b82fep0).rounded(.toNearestOrEven)
        let r = (x - n * 0x1.62e42ffp-1) + n * 0x1.718432a1b0e26p-35
        // Taylor series to r^14: the next term is below 2e-19 for |r| ≤ ln 2 / 2.
        var sum = 0.0
        for k in stride(from: 14, through: 1, by: -1) { sum = (1 + sum) * r / Double(k) }
        return (1 + sum) * Double(sign: .plus, exponent: Int(n), significand: 1)
    }
}
