import Foundation
import MoedCore
import MoedSampling
import TestSupport
import Testing

/// Our own elementary functions, tested through their uses.
@Suite struct PortableMathTests {
    /// Angles up to positions of a million tokens.
    @Test func cosineAndSineAreWithinAFewUnits() {
        var numbers = SplitMix(seed: 12)
        for scale in [1.0, 100, 1e4, 1e6, 6e7] {
            for _ in 0..<2000 {
                let angle = Double.random(in: 0...scale, using: &numbers)
                let (cosine, sine) = PortableMath.cosineAndSine(angle)
                #expect(abs(cosine - cos(angle)) < 1e-15 && abs(sine - sin(angle)) < 1e-15, "\(angle)")
            }
        }
        for quarter in 0...8 {
            let angle = Double(quarter) * .pi / 2
            #expect(abs(PortableMath.cosineAndSine(angle).sine - sin(angle)) < 1e-15)
        }
    }

    @Test func exponentialIsWithinAFewUnits() {
        var numbers = SplitMix(seed: 13)
        for _ in 0..<5000 {
            let x = Double.random(in: -700...0, using: &numbers)
            #expect(abs(PortableMath.exponential(x) / exp(x) - 1) < 2e-15, "\(x)")
        }
        #expect(PortableMath.exponential(0) == 1)
        #expect(PortableMath.exponential(-0.5) == exp(-0.5))
        #expect(PortableMath.exponential(-701) == 0 && PortableMath.exponential(-.infinity) == 0)
        #expect(PortableMath.exponential(.nan).isNaN)
    }
}
