import MoedCore
import Testing

/// Digests that FIPS 180-4 publishes, and lengths around the ends of blocks.
struct SHA256Tests {
    @Test func digestsAreTheStandards() {
        #expect(SHA256.hexadecimal("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(SHA256.hexadecimal("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(
            SHA256.hexadecimal("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")
                == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
        #expect(
            SHA256.hexadecimal(String(repeating: "a", count: 1_000_000))
                == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    @Test func piecesDoNotMatter() {
        for count in [55, 56, 63, 64, 65, 119, 120, 128] {
            let text = String(repeating: "x", count: count)
            var hash = SHA256()
            for byte in text.utf8 { hash.add([byte]) }
            #expect(hash.hexadecimal() == SHA256.hexadecimal(text), "\(count)")
        }
    }
}
