/// Tells by its first bytes the kind of a file that lies in another's place.
enum FileSignature {
    /// Bytes that tell.
    static let length = 64

    /// The kind of the file and the way out; nil when the bytes tell nothing.
    ///
    /// - Parameter start: the file's first bytes, at most `length` of them.
    static func kind(_ start: some Collection<UInt8>) -> String? {
        let known = forms.first { start.starts(with: $0.bytes) }
        if let known { return known.text }
        let text = start.drop { $0 == 0x20 || (0x09...0x0D).contains($0) }
            .map { (0x41...0x5A).contains($0) ? $0 + 0x20 : $0 }
        guard text.starts(with: Array("<!doctype".utf8)) || text.starts(with: Array("<html".utf8)) else { return nil }
        return "is an HTML page, perhaps a download's error message: download the file again"
    }

    private static let forms: [(bytes: [UInt8], text: String)] = [
        (
            Array("version https://git-lfs".utf8),
            "is a pointer of git-lfs, not the file itself: run `git lfs pull` in the model's directory"
        ),
        (
            Array("GGUF".utf8),
            "is a GGUF file in another file's place: name the .gguf file itself as the model"
        ),
        (
            Array("PK\u{3}\u{4}".utf8),
            "is a zip archive, perhaps of PyTorch: save the model as safetensors (save_pretrained)"
        ),
        (
            [0x1F, 0x8B], "is compressed with gzip: unpack it"
        ),
    ]
}
