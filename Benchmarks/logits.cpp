// llama.cpp's logits for given token ids. Usage: logits MODEL.gguf <IDS >LOGITS
//
// Each line of the input is a sequence, its ids separated by blanks; for every id of it the output has the logits
// of its successor, [vocabulary] floats. Built by quality.py against a build of llama.cpp.
#include "llama.h"

#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

int main(int count, char **arguments) {
    if (count != 2) {
        std::fprintf(stderr, "usage: logits MODEL.gguf <IDS >LOGITS\n");
        return 2;
    }
    llama_log_set([](ggml_log_level, const char *, void *) {}, nullptr);
    llama_backend_init();
    llama_model *model = llama_model_load_from_file(arguments[1], llama_model_default_params());
    if (!model) return 1;
    const int vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(model));
    llama_context_params parameters = llama_context_default_params();
    parameters.n_ctx = parameters.n_batch = 2048;
    parameters.n_threads = parameters.n_threads_batch = 2;
    llama_context *context = llama_init_from_model(model, parameters);
    if (!context) return 1;

    llama_batch batch = llama_batch_init(2048, 0, 1);
    std::string line;
    while (std::getline(std::cin, line)) {
        std::istringstream ids(line);
        batch.n_tokens = 0;
        for (llama_token id; ids >> id; batch.n_tokens++) {
            const int i = batch.n_tokens;
            batch.token[i] = id;
            batch.pos[i] = i;
            batch.n_seq_id[i] = 1;
            batch.seq_id[i][0] = 0;
            batch.logits[i] = true;
        }
        llama_memory_clear(llama_get_memory(context), true);
        if (llama_decode(context, batch) != 0) return 1;
        for (int i = 0; i < batch.n_tokens; i++)
            std::fwrite(llama_get_logits_ith(context, i), sizeof(float), vocabulary, stdout);
    }
    llama_batch_free(batch);
    llama_free(context);
    llama_model_free(model);
    return 0;
}
