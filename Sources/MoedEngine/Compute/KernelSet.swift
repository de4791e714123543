internal import CMoedKernels
package import MoedCore

/// One variant of the kernels: all give the same bits, they differ in speed.
@safe package struct KernelSet {
    let table: UnsafePointer<moed_kernels>

    package var name: String { unsafe String(cString: table.pointee.name) }

    /// - Parameter name: `scalar`, `avx2` or `avx512`; nil takes the fastest this processor runs.
    /// - Throws: `EngineError(.unsupportedModel)` when there is no such variant or the processor cannot run
    ///   it.
    package init(named name: String? = nil) throws(EngineError) {
        let found =
            if let name { unsafe name.withCString { unsafe moed_kernels_select($0) } } else {
                unsafe moed_kernels_select(nil)
            }
        guard let found = unsafe found else {
            let known = Self.names.joined(separator: ", ")
            throw EngineError(
                .invalidInput, "no kernels \"\(name ?? "")\" for this processor; it runs: \(known)")
        }
        unsafe table = found
    }

    /// The variants that this processor runs.
    package static var names: [String] {
        ["scalar", "avx2", "avx512"].filter { name in
            unsafe name.withCString { unsafe moed_kernels_select($0) != nil }
        }
    }
}
