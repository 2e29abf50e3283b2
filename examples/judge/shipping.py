def save_model(policy, out):
    policy.model.save_pretrained(out)
    policy.tokenizer.save_pretrained(out)


def write_record(out, **k):
    print(k)
