package import MoedLattice

/// Element types of safetensors files.
package enum ElementType: String, Sendable, CaseIterable {
    case bool = "BOOL"
    case u8 = "U8"
    case i8 = "I8"
    case f8e5m2 = "F8_E5M2"
    case f8e4m3 = "F8_E4M3"
    case f8e8m0 = "F8_E8M0"
    case i16 = "I16"
    case u16 = "U16"
    case f16 = "F16"
    case bf16 = "BF16"
    case i32 = "I32"
    case u32 = "U32"
    case f32 = "F32"
    case i64 = "I64"
    case u64 = "U64"
    case f64 = "F64"
    case c64 = "C64"

    package var byteCount: Int {
        switch self {
        case .bool, .u8, .i8, .f8e5m2, .f8e4m3, .f8e8m0: 1
        case .i16, .u16, .f16, .bf16: 2
        case .i32, .u32, .f32: 4
        case .i64, .u64, .f64, .c64: 8
        }
    }

    /// True when weights may be stored in it.
    package var isWeight: Bool { self == .bf16 || self == .f16 || self == .f32 }
}

/// A tensor's place in its file, its type and its shape.
package struct TensorEntry: Sendable, Equatable {
    package var name: String
    package var type: ElementType
    package var shape: [Int]
    /// Byte offset in its file.
    package var offset: Int
    package var byteCount: Int
    /// Kind of the blocks that hold the weights; nil for single elements.
    package var blocks: BlockType?

    package init(
        name: String, type: ElementType, shape: [Int], offset: Int, byteCount: Int, blocks: BlockType? = nil
    ) {
        self.name = name
        self.type = type
        self.shape = shape
        self.offset = offset
        self.byteCount = byteCount
        self.blocks = blocks
    }

    /// True when the elements are weights.
    var isPlainWeight: Bool { blocks == nil && type.isWeight }

    /// The type's name: of the elements, or of the blocks.
    package var typeName: String { blocks?.rawValue ?? type.rawValue }
}
