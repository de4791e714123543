import MoedOpenAI
import Testing

@Suite struct FormFieldsTests {
    @Test func fieldsAreDecoded() {
        let fields = FormFields(Array("action=redrive&name=a%26b+c%3D%c3%a4&empty=&bare&action=pause&x=%zz".utf8))
        #expect(fields["action"] == "pause" && fields["name"] == "a&b c=ä" && fields["x"] == "%zz")
        #expect(fields["empty"] == nil && fields["bare"] == nil && fields["other"] == nil)
    }

    @Test func cookiesAreFoundByTheirWholeName() {
        #expect(FormFields.cookie("moed_page", in: "a=b; moed_page=1=2; x") == "1=2")
        #expect(FormFields.cookie("moed_page", in: "xmoed_page=1;moed_pages=2") == nil)
        #expect(FormFields.cookie("moed_page", in: nil) == nil)
    }
}
