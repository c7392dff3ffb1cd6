module func

go 1.21
