/// Checks `chat_template_kwargs`: further variables of the chat template.
enum TemplateVariables {
    /// Arguments of `apply_chat_template` in transformers, and names that every template gets.
    ///
    /// Such a variable would replace what was checked: the messages, the special tokens or a function.
    private static let reserved: Set<String> = [
        "messages", "conversation", "conversations", "tools", "documents", "chat_template",
        "add_generation_prompt", "continue_final_message", "tokenize", "padding", "truncation", "max_length",
        "return_tensors", "return_dict", "return_assistant_tokens_mask", "tokenizer_kwargs", "processor_kwargs",
        "self", "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
        "raise_exception", "strftime_now", "range", "dict", "namespace", "lipsum", "cycler", "joiner",
    ]

    /// - Returns: the variables without those that are null.
    static func checked(_ variables: JSONObject) throws(RequestError) -> JSONObject {
        let given = variables.withoutNulls
        for member in given.members where reserved.contains(member.key) {
            throw RequestError(
                .invalidValue, param: "chat_template_kwargs.\(member.key)",
                "chat_template_kwargs cannot hold \(member.key): moed sets it itself")
        }
        return given
    }
}
