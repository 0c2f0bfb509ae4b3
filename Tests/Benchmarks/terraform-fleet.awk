# Writes main.tf with COUNT terraform_data resources, and the state that `terraform apply` leaves of them: the apply
# itself takes Terraform many minutes. A plan of the two says `No changes.`
#
#     awk -v count=10000 -v folder=DIR -f terraform-fleet.awk

function input(i) {
    return sprintf("{\"address\":\"10.0.%d.%d\",\"cpu\":%d,\"disk\":\"%dGiB\",\"host\":\"server-1\"," \
        "\"memory\":\"%dGiB\",\"network\":\"office\"}", i / 256, i % 256, i % 4 + 1, i % 90 + 10, i % 8 + 1)
}

BEGIN {
    code = folder "/main.tf"
    state = folder "/terraform.tfstate"
    type = "[\"object\",{\"address\":\"string\",\"cpu\":\"number\",\"disk\":\"string\",\"host\":\"string\"," \
        "\"memory\":\"string\",\"network\":\"string\"}]"
    printf "{\"version\":4,\"terraform_version\":\"1.0.0\",\"serial\":1," \
        "\"lineage\":\"6f0a1d52-3c0e-4b3e-9a57-0d3c9b7e5f11\",\"outputs\":{},\"resources\":[\n" > state
    for (i = 0; i < count; i++) {
        value = input(i)
        printf "resource \"terraform_data\" \"vm-%d\" {\n  input = %s\n}\n", i, value > code
        printf "%s{\"mode\":\"managed\",\"type\":\"terraform_data\",\"name\":\"vm-%d\"," \
            "\"provider\":\"provider[\\\"terraform.io/builtin/terraform\\\"]\",\"instances\":[{" \
            "\"schema_version\":0,\"attributes\":{\"id\":\"00000000-0000-4000-8000-%012d\"," \
            "\"input\":{\"value\":%s,\"type\":%s},\"output\":{\"value\":%s,\"type\":%s}," \
            "\"triggers_replace\":null},\"sensitive_attributes\":[]}]}\n", \
            i ? "," : "", i, i, value, type, value, type > state
    }
    print "],\"check_results\":null}" > state
}
